"""The lean decoder beside that of the library that is there: the same tokens, of one page and of several at once."""

import copy
import json
from pathlib import Path
import tempfile
import unittest
from unittest import mock

from PIL import Image
import torch

from archive_worker import ARCHIVE, SAMPLES

# isort: split
from donut_loading import load_model
from greedy_decoder import Decoded, GreedyDecoder
import library_network
from library_tokens import LibraryTokens
from make_stock_donut import write_model_folder
from model_folders import SMALLEST_STOCK
from page_canvas import Canvas
from result_tokens import confidence_of, prediction_of, with_lists
from window_encoder import WindowEncoder

DOCUMENTS = 24


def prompt_of(model):
    return model.tokenizer.ids_of(model.config.task_prompt)


def lean_tokens(model, tensors):
    cells = WindowEncoder(model).encode(torch.stack(tensors))
    return GreedyDecoder(model).decode(cells, [prompt_of(model)] * len(tensors))


class Decoder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = load_model(ARCHIVE / "my_model")
        names = [json.loads(line)["file"] for line in (SAMPLES / "answers.jsonl").read_text().splitlines()]
        images = [Image.open(SAMPLES / name) for name in names[:DOCUMENTS]]
        canvas = Canvas.from_model(cls.model)
        cls.tensors = [cls.model.to_tensor(canvas.fit(image)) for image in images]
        cls.library = LibraryTokens(cls.model)
        cls.stock = [cls.library.tokens(tensor) for tensor in cls.tensors]

    def test_one_page_at_a_time_the_tokens_are_the_stock_model_s(self):
        for tensor, tokens in zip(self.tensors, self.stock):
            self.assertEqual(lean_tokens(self.model, [tensor])[0].ids, tokens)

    def test_together_the_tokens_are_the_stock_model_s(self):
        self.assertGreater(len({len(tokens) for tokens in self.stock}), 3, "all answers end at one step")
        together = lean_tokens(self.model, self.tensors)
        self.assertEqual([decoded.ids for decoded in together], self.stock)

    def test_an_answer_cut_off_ends_as_the_stock_model_s(self):
        for length in (2, 3, 20):
            with self.subTest(length=length), mock.patch.object(self.model.config, "max_length", length):
                stock = [self.library.tokens(tensor) for tensor in self.tensors[:3]]
                self.assertEqual([decoded.ids for decoded in lean_tokens(self.model, self.tensors[:3])], stock)
                self.assertEqual({len(tokens) for tokens in stock}, {length})
                self.assertEqual({tokens[-1] for tokens in stock}, {self.model.tokenizer.end})

    def test_a_network_that_writes_padding_is_followed(self):
        """Padding is likely here. donut-python hides it from what follows, transformers does not; each is followed."""
        model = copy.deepcopy(self.model)
        pad, name = model.tokenizer.padding, "decoder.model.lm_head.weight"
        # A head of its own, with the row of a frequent token for padding.
        head = model.weights[name].clone()
        head[pad] = head[self.stock[0][5]] * 1.01
        model.weights[name] = head
        model.config.hides_padding = library_network.HAS_DONUT_PYTHON
        library = LibraryTokens(model)
        stock = [library.tokens(tensor) for tensor in self.tensors[:8]]
        self.assertTrue(any(pad in tokens[:-1] for tokens in stock), "no padding was written")
        for tensor, tokens in zip(self.tensors, stock):
            self.assertEqual(lean_tokens(model, [tensor])[0].ids, tokens)
        self.assertEqual([decoded.ids for decoded in lean_tokens(model, self.tensors[:8])], stock)

    def test_a_network_of_stock_widths_decodes_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            write_model_folder(Path(folder), {**SMALLEST_STOCK, "max_length": 90, "max_position_embeddings": 90})
            model = load_model(Path(folder))
        tensors = [model.to_tensor(Image.effect_noise((64, 64), 90)) for _ in range(3)]
        library = LibraryTokens(model)
        stock = [library.tokens(tensor) for tensor in tensors]
        self.assertEqual({len(tokens) for tokens in stock}, {90})
        self.assertEqual([decoded.ids for decoded in lean_tokens(model, tensors)], stock)

    def test_the_probabilities_are_the_stock_model_s(self):
        tokens = self.stock[0]
        logits = self.library.logits(self.tensors[0].unsqueeze(0), tokens[:-1])
        expected = logits.log_softmax(dim=1)[range(len(tokens) - 1), tokens[1:]].tolist()
        decoded = lean_tokens(self.model, self.tensors[:1])[0]
        self.assertEqual(decoded.log_probabilities[0], 0)
        for mine, theirs in zip(decoded.log_probabilities[1:], expected):
            self.assertAlmostEqual(mine, theirs, places=3)


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = load_model(ARCHIVE / "my_model")

    def read(self, text, chance=-0.1):
        """The prediction and the confidence of an answer spelled out, each token with one probability."""
        ids = self.model.tokenizer.ids_of(text)
        decoded = Decoded([*prompt_of(self.model), *ids], [0.0] + [chance] * len(ids))
        prediction = prediction_of(self.model, decoded.ids)
        return prediction, confidence_of(self.model, decoded, prediction)

    def test_a_field_s_confidence_is_that_of_all_its_tokens_and_its_end(self):
        prediction, confidence = self.read("<s_store>AB</s_store><s_date>1</s_date>")
        self.assertEqual(prediction, {"store": "AB", "date": "1"})
        self.assertEqual(confidence, {"store": 0.7408, "date": 0.8187})  # e^-0.3, e^-0.2

    def test_a_list_has_a_confidence_for_each_element(self):
        item = "<s_name>A</s_name><s_price>1</s_price>"
        prediction, confidence = self.read(f"<s_items>{item}<sep/>{item}</s_items>")
        self.assertEqual(prediction, {"items": [{"name": "A", "price": "1"}] * 2})
        self.assertEqual(confidence, {"items": [{"name": 0.8187, "price": 0.8187}] * 2})
        prediction, confidence = self.read("<s_store>A<sep/>BC</s_store>")
        self.assertEqual(prediction, {"store": ["A", "BC"]})
        self.assertEqual(confidence, {"store": [0.8187, 0.7408]})

    def test_a_list_of_one_is_a_list_where_the_configuration_says_so(self):
        prediction, confidence = self.read("<s_items><s_name>A</s_name></s_items><s_store>B</s_store>")
        self.assertEqual(prediction, {"items": {"name": "A"}, "store": "B"})
        self.assertEqual(with_lists(prediction, ["items"]), {"items": [{"name": "A"}], "store": "B"})
        self.assertEqual(with_lists(confidence, ["items"]), {"items": [{"name": 0.8187}], "store": 0.8187})

    def test_an_answer_may_be_a_list(self):
        prediction, confidence = self.read("<s_name>A</s_name><sep/><s_name>B</s_name>")
        self.assertEqual(prediction, [{"name": "A"}, {"name": "B"}])
        self.assertEqual(confidence, [{"name": 0.8187}, {"name": 0.8187}])
        self.assertEqual(with_lists(prediction, ["name"]), [{"name": ["A"]}, {"name": ["B"]}])

    def test_an_answer_without_fields_is_a_text(self):
        prediction, confidence = self.read("AB")
        self.assertEqual(prediction, {"text_sequence": "AB"})
        self.assertEqual(confidence, {"text_sequence": 0.8187})

    def test_where_the_tokens_are_ill_formed_nothing_is_claimed(self):
        for text in (
            "</s_store>A<s_date>1</s_date><s_store>",
            "<s_items><s_name>A</s_name>",
            "<s_items><s_name>A</s_items></s_name>",
        ):
            with self.subTest(text=text):
                _, confidence = self.read(text)
                self.assertIsNone(confidence)


if __name__ == "__main__":
    unittest.main()
