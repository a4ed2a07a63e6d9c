"""model_fn: the limits it reads first, the process that draws, and the GPU of its worker."""

import os
import unittest
from unittest import mock

import torch

from archive_worker import HAS_TORCHSERVE, Context
from donut_loading import load_model
from donut_model import Donut
import drawing_launcher
from drawing_launcher import DrawingProcess, DrawingStartError
import inference
from limits import Limits, SettingError
import model_folders

if HAS_TORCHSERVE:
    from archive_worker import HandlerService


def _ended_process():
    with mock.patch.object(drawing_launcher, "_PROGRAM", "there-is-no-such-program.py"):
        return DrawingProcess()


class ModelFunction(model_folders.ModelFolderCase):
    def test_a_limit_that_is_no_number_is_named_before_anything_is_loaded(self):
        least = {"DOCUMENT_MEMORY_MB": 256}
        for name in ("MAX_PAGES", "MAX_IMAGE_PIXELS", "DOCUMENT_SECONDS", *least):
            for value in ("0", "-1", "many", "1.5", str(least.get(name, 1) - 1)):
                sentence = f"{name} is '{value}': set it to a whole number of {least.get(name, 1)} or more"
                with mock.patch.dict(os.environ, {name: value}), self.assertRaisesRegex(SettingError, sentence):
                    inference.model_fn(str(self.archive))

    def test_the_memory_of_a_document_grows_with_the_pixels_that_are_allowed(self):
        memory = Limits.from_environment().document_megabytes
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="100000000"):
            self.assertEqual(Limits.from_environment().document_megabytes, memory + 50_000_000 * 32 // 2**20 + 1)
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="100000000", DOCUMENT_MEMORY_MB="300"):
            self.assertEqual(Limits.from_environment().document_megabytes, 300)

    def test_a_batch_has_half_of_the_time_that_the_server_gives_it(self):
        for name in ("SAGEMAKER_TS_RESPONSE_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT"):
            os.environ.pop(name, None)
        self.assertEqual(Limits.from_environment().batch_seconds, 30)
        os.environ["SAGEMAKER_MODEL_SERVER_TIMEOUT"] = "100"
        self.assertEqual(Limits.from_environment().batch_seconds, 50)
        os.environ["SAGEMAKER_TS_RESPONSE_TIMEOUT"] = "300"
        self.assertEqual(Limits.from_environment().batch_seconds, 150)

    def test_a_model_whose_documents_nothing_draws_does_not_load(self):
        self.copy_small()
        no_process = mock.patch.object(inference.renderer, "_process", _ended_process())
        with no_process, self.assertRaisesRegex(DrawingStartError, "^The process that draws documents does not start"):
            inference.model_fn(str(self.archive))

    def test_each_worker_loads_the_model_onto_its_own_gpu(self):
        self.copy_small()
        devices = []

        def move(_, device, dtype):
            devices.append((device, dtype))

        # No GPU here: the model stays where it is, and is asked where it would go.
        with mock.patch.object(torch.cuda, "is_available", return_value=True), mock.patch.object(Donut, "move", move):
            for gpu in (0, 3, None):
                inference.model_fn(str(self.archive), Context("model", str(self.archive), {}, 1, gpu, "0"))
            inference.model_fn(str(self.archive))
        self.assertEqual(devices, [(torch.device("cuda", number), torch.float16) for number in (0, 3, 0, 0)])

    @unittest.skipUnless(HAS_TORCHSERVE, "of TorchServe's toolkit")
    def test_the_toolkit_hands_the_worker_s_gpu_over(self):
        self.copy_small()
        context = Context("model", str(self.archive), {}, 1, 2, "0")
        with mock.patch.object(inference, "load_model", side_effect=load_model) as loaded, mock.patch.object(
            torch.cuda, "is_available", return_value=False
        ):
            HandlerService().initialize(context)
        self.assertEqual(loaded.call_args[0], (self.folder, 2))


if __name__ == "__main__":
    unittest.main()
