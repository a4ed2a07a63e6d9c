"""The lean decoder beside the stock one: the same tokens, one page at a time and several at once."""

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
from loading_checks import SMALLEST_STOCK
from make_stock_donut import write_model_folder
from result_tokens import confidence_of, prediction_of, with_lists

DOCUMENTS = 24


def stock_tokens(model, tensor):
    """The tokens that `DonutModel.inference` decodes."""
    taken = []
    generate = model.decoder.model.generate

    def keep(*arguments, **options):
        output = generate(*arguments, **options)
        taken.append(output.sequences[0].tolist())
        return output

    with mock.patch.object(model.decoder.model, "generate", keep), torch.no_grad():
        prompt = torch.tensor([prompt_of(model)])
        model.inference(image_tensors=tensor.unsqueeze(0), prompt_tensors=prompt)
    return taken[0]


def prompt_of(model):
    return [model.decoder.tokenizer.convert_tokens_to_ids(model.config.task_prompt)]


def lean_tokens(model, tensors):
    with torch.no_grad():
        cells = model.encoder(torch.stack(tensors))
    return GreedyDecoder(model).decode(cells, [prompt_of(model)] * len(tensors))


class Decoder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = load_model(ARCHIVE / "my_model")
        names = [json.loads(line)["file"] for line in (SAMPLES / "answers.jsonl").read_text().splitlines()]
        images = [Image.open(SAMPLES / name) for name in names[:DOCUMENTS]]
        cls.tensors = [cls.model.encoder.prepare_input(image) for image in images]
        cls.stock = [stock_tokens(cls.model, tensor) for tensor in cls.tensors]

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
                stock = [stock_tokens(self.model, tensor) for tensor in self.tensors[:3]]
                self.assertEqual([decoded.ids for decoded in lean_tokens(self.model, self.tensors[:3])], stock)
                self.assertEqual({len(tokens) for tokens in stock}, {length})
                self.assertEqual({tokens[-1] for tokens in stock}, {self.model.decoder.tokenizer.eos_token_id})

    def test_a_network_that_writes_padding_is_followed(self):
        """Padding is likely here: the stock model hides it from what follows, and so must the lean one."""
        pad = self.model.decoder.tokenizer.pad_token_id
        kept = self.model.decoder.model.lm_head.weight.clone()
        try:
            with torch.no_grad():
                # The head shares the embedding's weights: give it its own, and padding the row of a frequent token.
                head = self.model.decoder.model.lm_head
                head.weight = torch.nn.Parameter(kept.clone())
                head.weight[pad] = kept[self.stock[0][5]] * 1.01
            stock = [stock_tokens(self.model, tensor) for tensor in self.tensors[:8]]
            self.assertTrue(any(pad in tokens[:-1] for tokens in stock), "no padding was written")
            for tensor, tokens in zip(self.tensors, stock):
                self.assertEqual(lean_tokens(self.model, [tensor])[0].ids, tokens)
            trimmed = [decoded.ids for decoded in lean_tokens(self.model, self.tensors[:8])]
            self.assertEqual(trimmed, stock)
        finally:
            with torch.no_grad():
                self.model.decoder.model.lm_head.weight = self.model.decoder.model.model.decoder.embed_tokens.weight

    def test_a_network_of_stock_widths_decodes_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            write_model_folder(Path(folder), {**SMALLEST_STOCK, "max_length": 90, "max_position_embeddings": 90})
            model = load_model(Path(folder))
        tensors = [model.encoder.prepare_input(Image.effect_noise((64, 64), 90)) for _ in range(3)]
        stock = [stock_tokens(model, tensor) for tensor in tensors]
        self.assertEqual({len(tokens) for tokens in stock}, {90})
        self.assertEqual([decoded.ids for decoded in lean_tokens(model, tensors)], stock)

    def test_the_probabilities_are_the_stock_model_s(self):
        tokens = self.stock[0]
        with torch.no_grad():
            cells = self.model.encoder(self.tensors[0].unsqueeze(0))
            logits = self.model.decoder(torch.tensor([tokens[:-1]]), encoder_hidden_states=cells).logits[0]
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
        ids = self.model.decoder.tokenizer(text, add_special_tokens=False)["input_ids"]
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
