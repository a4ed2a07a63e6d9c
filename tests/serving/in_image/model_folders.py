"""Folders of models to load, and what a loaded one makes of a sample."""

import copy
import json
import os
from pathlib import Path
import shutil
import tempfile
import unittest
from unittest import mock

from archive_worker import ARCHIVE, SAMPLES
from document_processor import DocumentProcessor
from donut_loading import load_model
import inference
from library_network import HAS_DONUT_PYTHON
from make_stock_donut import STOCK_CONFIGURATION
from model_folder import ModelFolderError

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


donut_python_only = unittest.skipUnless(HAS_DONUT_PYTHON, "for the image that has donut-python")


def read(model):
    """The sample's prediction, whatever the model makes of it; a processor takes the model's encoder apart."""
    processor = DocumentProcessor(copy.deepcopy(model), inference.renderer)
    (reading,) = inference.predict_fn(inference.input_fn(RECEIPT.read_bytes(), "image/jpeg"), processor)
    return reading.prediction


class ModelFolderCase(unittest.TestCase):
    """Has an empty my_model/ in an archive of its own, and no settings."""

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
        return load_model(self.folder)

    def copy_small(self):
        for name in ("config.json", "sentencepiece.bpe.model", "model.pth"):
            shutil.copy(SMALL / name, self.folder / name)

    def configure(self, base=None, **changes):
        base = base or json.loads((SMALL / "config.json").read_text(encoding="utf-8"))
        configuration = {**base, **changes}
        kept = {name: value for name, value in configuration.items() if value is not None}
        (self.folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")

    def assert_refuses(self, sentence):
        with self.assertRaisesRegex(ModelFolderError, sentence) as caught:
            self.load()
        str(caught.exception).encode("ascii")
