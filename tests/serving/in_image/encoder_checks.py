"""The lean encoder beside the one of the library that is there: the same cells, and from them the same tokens."""

import json
from pathlib import Path
import tempfile
import unittest
from unittest import mock

from PIL import Image
import torch

from archive_worker import ARCHIVE, SAMPLES

# isort: split
from document_processor import DocumentProcessor
from donut_loading import load_model
from greedy_decoder import GreedyDecoder
import library_network
from make_stock_donut import write_model_folder
from model_folders import SMALLEST_STOCK
from page_canvas import Canvas
from started_renderer import renderer
import window_encoder
from window_encoder import WindowEncoder

# Sums of the same numbers in another order; the cells are of the order of 1.
TOLERANCE = 1e-4
DOCUMENTS = 48


def sample_tensors(model):
    names = [json.loads(line)["file"] for line in (SAMPLES / "answers.jsonl").read_text().splitlines()]
    canvas = Canvas.from_model(model)
    return torch.stack([model.to_tensor(canvas.fit(Image.open(SAMPLES / name))) for name in names[:DOCUMENTS]])


class Encoder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = load_model(ARCHIVE / "my_model")
        cls.images = sample_tensors(cls.model)
        with torch.no_grad():
            cls.stock = library_network.encoder(cls.model)(cls.images)

    def assert_close(self, cells, stock):
        self.assertEqual(cells.shape, stock.shape)
        self.assertLess(float((cells - stock).abs().max()), TOLERANCE * max(1.0, float(stock.abs().max())))

    def test_the_cells_are_the_stock_model_s_whatever_the_number_of_pages(self):
        encoder = WindowEncoder(self.model)
        for count in (1, 2, 5, DOCUMENTS):
            with self.subTest(count=count):
                self.assert_close(encoder.encode(self.images[:count]), self.stock[:count])

    def test_the_tokens_are_the_stock_model_s(self):
        decoder, prompt = GreedyDecoder(self.model), self.model.tokenizer.ids_of("<s_receipt>")
        prompts = [prompt] * DOCUMENTS
        lean = decoder.decode(WindowEncoder(self.model).encode(self.images), prompts)
        self.assertEqual([each.ids for each in lean], [each.ids for each in decoder.decode(self.stock, prompts)])

    def test_other_windows_and_depths_give_the_stock_model_s_cells(self):
        shapes = (
            {"input_size": [64, 64], "window_size": 2},
            {"input_size": [128, 64], "window_size": 4, "encoder_layer": [2, 2, 3]},
            # Windows as large as what is left of the page at the last layers.
            {"input_size": [64, 64], "window_size": 8, "encoder_layer": [2, 2]},
            {"input_size": [128, 64], "window_size": 2, "encoder_layer": [1, 2, 2, 2]},
        )
        for shape in shapes:
            with self.subTest(**shape), tempfile.TemporaryDirectory() as folder:
                write_model_folder(Path(folder), {**SMALLEST_STOCK, **shape})
                model = load_model(Path(folder))
                height, width = shape["input_size"]
                images = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(0))
                with torch.no_grad():
                    stock = library_network.encoder(model)(images)
                self.assert_close(WindowEncoder(model).encode(images), stock)

    def test_without_onednn_the_cells_are_the_same(self):
        with mock.patch.object(torch.backends.mkldnn, "is_available", return_value=False):
            self.assert_close(WindowEncoder(self.model).encode(self.images[:4]), self.stock[:4])

    def test_the_images_handed_over_stay_as_they_are(self):
        before = self.images[:2].clone()
        WindowEncoder(self.model).encode(self.images[:2])
        self.assertTrue(torch.equal(before, self.images[:2]))

    def test_a_processor_keeps_the_encoder_s_weights_once(self):
        model = load_model(ARCHIVE / "my_model")
        DocumentProcessor(model, renderer)
        self.assertEqual([name for name in model.weights if not name.startswith("decoder.")], [])

    def test_large_pages_go_through_the_encoder_one_by_one(self):
        encoder = WindowEncoder(self.model)
        self.assertEqual(encoder._pages_at_once, 4)
        with mock.patch.object(window_encoder, "_PATCHES_AT_ONCE", 100):
            self.assertEqual(WindowEncoder(self.model)._pages_at_once, 1)


if __name__ == "__main__":
    unittest.main()
