"""model_fn on every form a model is saved in, and the sentence for each that does not load."""

import json
import os
from pathlib import Path
import shutil
import sys
import tempfile
import unittest
from unittest import mock

import torch

from archive_worker import ARCHIVE, SAMPLES
from document_processor import DocumentProcessor
from donut_library import DonutModel
from donut_loading import ModelFolderError
from donut_network import SizedDonut
import inference
from limits import SettingError
from make_stock_donut import STOCK_CONFIGURATION, write_model_folder

SMALL = ARCHIVE / "my_model"
RECEIPT = SAMPLES / "receipt-000.jpg"
# The stock network's widths at its fewest layers.
SMALLEST_STOCK = {
    **STOCK_CONFIGURATION,
    "input_size": [64, 64],
    "window_size": 2,
    "encoder_layer": [1, 1, 1, 1],
    "decoder_layer": 1,
    "max_length": 8,
    "max_position_embeddings": 8,
}


class TouchesFile:
    """A pickle of this makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def read(model):
    """The sample's prediction, whatever the model makes of it."""
    (reading,) = inference.predict_fn(inference.input_fn(RECEIPT.read_bytes(), "image/jpeg"), DocumentProcessor(model))
    return reading.prediction


class Loading(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.archive = Path(temporary.name)
        self.folder = self.archive / "my_model"
        self.folder.mkdir()
        unset = mock.patch.dict(os.environ)
        unset.start()
        self.addCleanup(unset.stop)
        os.environ.pop("ALLOW_PICKLED_MODEL", None)
        os.environ.pop("DONUT_TASK_PROMPT", None)

    def load(self):
        return inference.model_fn(str(self.archive)).model

    def copy_small(self):
        for name in ("config.json", "sentencepiece.bpe.model", "model.pth"):
            shutil.copy(SMALL / name, self.folder / name)

    def configure(self, **changes):
        configuration = {**json.loads((SMALL / "config.json").read_text(encoding="utf-8")), **changes}
        kept = {name: value for name, value in configuration.items() if value is not None}
        (self.folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")

    def assert_refuses(self, sentence):
        with self.assertRaisesRegex(ModelFolderError, sentence) as caught:
            self.load()
        str(caught.exception).encode("ascii")

    def test_a_state_dict_of_own_sizes_loads(self):
        self.copy_small()
        model = self.load()
        self.assertIsInstance(model, SizedDonut)
        self.assertFalse(model.training)
        self.assertEqual(read(model), read(inference.model_fn(str(ARCHIVE)).model))

    def test_a_state_dict_of_the_stock_network_loads(self):
        write_model_folder(self.folder, SMALLEST_STOCK)
        model = self.load()
        self.assertIs(type(model), DonutModel)
        saved = torch.load(str(self.folder / "model.pth"))
        self.assertTrue(all(torch.equal(saved[name], value) for name, value in model.state_dict().items()))
        self.assertIsInstance(read(model), dict)

    def test_a_save_pretrained_folder_loads(self):
        for make in (self.copy_small, lambda: write_model_folder(self.folder, SMALLEST_STOCK)):
            make()
            model = self.load()
            answer = read(model)
            task_prompt = model.config.task_prompt
            model.save_pretrained(str(self.folder))
            model.decoder.tokenizer.save_pretrained(str(self.folder))
            (self.folder / "model.pth").unlink()
            os.environ["DONUT_TASK_PROMPT"] = task_prompt
            again = self.load()
            self.assertIs(type(again), type(model))
            self.assertEqual(read(again), answer)
            for path in self.folder.iterdir():
                path.unlink()

    def test_a_whole_pickled_model_loads_only_when_allowed(self):
        self.copy_small()
        model = self.load()
        torch.save(model, str(self.folder / "model.pth"))
        self.assert_refuses(r"pickled Python objects \(donut_network.SizedDonut\).*ALLOW_PICKLED_MODEL=true")
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        self.assertEqual(read(self.load()), read(model))

    def test_no_code_of_a_refused_pickle_runs(self):
        self.copy_small()
        touched = self.archive / "touched"
        torch.save({"weight": TouchesFile(touched)}, str(self.folder / "model.pth"))
        self.assert_refuses("pickled Python objects")
        self.assertFalse(touched.exists())
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        self.assert_refuses("is a pickled dict, not a DonutModel")
        self.assertTrue(touched.exists(), "the pickle is harmless, so that the check above proves nothing")

    def test_the_older_file_format_of_torch_loads(self):
        self.copy_small()
        weights = torch.load(str(self.folder / "model.pth"))
        torch.save(weights, str(self.folder / "model.pth"), _use_new_zipfile_serialization=False)
        self.assertIsInstance(self.load(), SizedDonut)

    def test_weights_that_do_not_fit_are_counted(self):
        self.copy_small()
        self.configure(decoder_layer=3, decoder_ffn_dim=96)
        self.assert_refuses(r"does not fit my_model/config.json.*26 missing \(.*6 of another shape \(")

    def test_a_file_that_torch_did_not_write_is_named(self):
        self.copy_small()
        for content in (b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04 cut"):
            with self.subTest(content=content):
                (self.folder / "model.pth").write_bytes(content)
                self.assert_refuses("my_model/model.pth is not a file that torch.save wrote")

    def test_what_is_no_state_dict_is_named(self):
        self.copy_small()
        for content in ({"state_dict": {"weight": torch.zeros(1)}}, [torch.zeros(1)]):
            torch.save(content, str(self.folder / "model.pth"))
            self.assert_refuses("is not a state_dict: save the result of")

    def test_a_missing_file_is_named(self):
        for name in ("config.json", "sentencepiece.bpe.model", "model.pth"):
            with self.subTest(name=name):
                self.copy_small()
                (self.folder / name).unlink()
                self.assert_refuses(name)

    def test_a_configuration_that_cannot_be_read_is_named(self):
        self.copy_small()
        for text, sentence in (("{", "config.json is not JSON"), ("[]", "must hold a JSON object")):
            (self.folder / "config.json").write_text(text, encoding="utf-8")
            self.assert_refuses(sentence)

    def test_a_limit_that_is_no_number_is_named_before_anything_is_loaded(self):
        for name in ("MAX_PAGES", "MAX_IMAGE_PIXELS"):
            for value in ("0", "-1", "many", "1.5"):
                sentence = f"{name} is '{value}': set it to a whole number"
                with mock.patch.dict(os.environ, {name: value}), self.assertRaisesRegex(SettingError, sentence):
                    self.load()

    def test_list_fields_are_a_list_of_names(self):
        self.copy_small()
        for value in ("items", [1], {"items": True}):
            self.configure(list_fields=value)
            self.assert_refuses('"list_fields" in config.json is ')

    def test_a_task_prompt_is_needed_and_must_be_known(self):
        self.copy_small()
        self.configure(task_prompt=None)
        self.assert_refuses("No task prompt")
        os.environ["DONUT_TASK_PROMPT"] = "<s_cord-v2>"
        self.assert_refuses("does not know the task prompt '<s_cord-v2>'.*'<s_receipt>'")
        os.environ["DONUT_TASK_PROMPT"] = "<s_receipt>"
        self.assertEqual(self.load().config.task_prompt, "<s_receipt>")

    def test_donut_s_training_tools_are_looked_for_only_when_asked_for(self):
        import donut  # noqa: PLC0415 - after donut_library, as in a user's own handler

        self.assertIs(donut.DonutModel, DonutModel)
        self.assertNotIn("donut.util", sys.modules)
        with self.assertRaisesRegex(ModuleNotFoundError, "datasets|nltk|zss"):
            _ = donut.load_json


if __name__ == "__main__":
    unittest.main()
