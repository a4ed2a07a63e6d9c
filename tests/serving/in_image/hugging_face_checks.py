"""Checkpoints as Hugging Face's transformers saves them: the tokens of its own `generate`, and what does not load."""

import copy
import json
import os
from pathlib import Path
import tempfile
import unittest
from unittest import mock

import torch

from archive_worker import ARCHIVE  # noqa: F401 - puts the archive's code on the import path

# isort: split
from safetensors.torch import save_file

from donut_loading import load_model
from greedy_decoder import GreedyDecoder
from hugging_face_folders import GENERATION, MODEL, PREPROCESSOR, save_bin, special_tokens, write_folder
from hugging_face_pages import PAGES, RECORDED, sample
from model_folder import ModelFolderError
from page_canvas import Canvas
from weight_checks import EMBEDDING, HEAD
from window_encoder import WindowEncoder


def save_safetensors(tensors, folder):
    # As transformers does it: tensors that share memory are written once.
    alone = {name: value.clone() for name, value in tensors.items() if name != "decoder.lm_head.weight"}
    save_file(alone, str(folder / "model.safetensors"))


def save_shards(tensors, folder):
    names = sorted(tensors)
    shards = {f"pytorch_model-0000{number}-of-00003.bin": names[number - 1 :: 3] for number in (1, 2, 3)}
    for shard, some in shards.items():
        torch.save({name: tensors[name] for name in some}, str(folder / shard))
    index = {"metadata": {}, "weight_map": {name: shard for shard, some in shards.items() for name in some}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


class HuggingFace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recorded = json.loads(RECORDED.read_text())

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name, "my_model")
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("DONUT_TASK_PROMPT", None)

    def tokens(self, model, pages):
        canvas = Canvas.from_model(model)
        images = torch.stack([model.to_tensor(canvas.fit(page)) for page in pages])
        prompt = model.tokenizer.ids_of(model.config.task_prompt)
        decoded = GreedyDecoder(model).decode(WindowEncoder(model).encode(images), [prompt] * len(pages))
        return [each.ids for each in decoded]

    def assert_refuses(self, sentence):
        with self.assertRaisesRegex(ModelFolderError, sentence) as caught:
            load_model(self.folder)
        str(caught.exception).encode("ascii")

    def test_the_tokens_are_those_of_transformers_whatever_the_weights_file(self):
        for save in (save_bin, save_safetensors, save_shards):
            with self.subTest(save=save.__name__):
                folder = self.folder / save.__name__
                write_folder(folder, save)
                pages = [sample(index, fitted=True) for index in range(PAGES)]
                self.assertEqual(self.tokens(load_model(folder), pages), self.recorded["as_they_are"])

    def test_pages_are_fitted_as_transformers_fits_them(self):
        write_folder(self.folder, save_bin)
        pages = [sample(index, fitted=False) for index in range(PAGES)]
        self.assertEqual(self.tokens(load_model(self.folder), pages), self.recorded["to_be_fitted"])

    def test_a_head_of_its_own_stays_apart_from_the_embedding(self):
        def save(tensors, folder):
            save_bin({**tensors, "decoder.lm_head.weight": tensors["decoder.lm_head.weight"] * 2}, folder)

        write_folder(self.folder, save)
        weights = load_model(self.folder).weights
        self.assertTrue(torch.equal(weights[HEAD], weights[EMBEDDING] * 2))

    def test_tokens_that_the_files_forbid_are_never_taken(self):
        usual = self.recorded["as_they_are"][0]
        write_folder(self.folder, save_bin, generation={**GENERATION, "bad_words_ids": [[usual[2]], [3]]})
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids[:2], usual[:2])
        self.assertNotIn(usual[2], ids)

    def test_the_end_cannot_be_forbidden_and_may_be_a_list(self):
        generation = {**GENERATION, "bad_words_ids": [[2]], "forced_eos_token_id": [2], "eos_token_id": [2]}
        write_folder(self.folder, save_bin, generation=generation)
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids, self.recorded["as_they_are"][0])

    def test_a_vocabulary_larger_than_the_tokenizer_gives_the_same_tokens(self):
        def save(tensors, folder):
            padded = {
                name: torch.cat([value, torch.full((32, 96), 9.0)])
                if value.shape == (96, 96) and "attn" not in name and ("embed_tokens" in name or "lm_head" in name)
                else value
                for name, value in tensors.items()
            }
            save_bin(padded, folder)

        configuration = copy.deepcopy(MODEL)
        configuration["decoder"]["vocab_size"] = 128
        write_folder(self.folder, save, configuration=configuration)
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids, self.recorded["as_they_are"][0])

    def test_the_images_may_be_part_of_processor_config(self):
        write_folder(self.folder, save_bin, preprocessor=None)
        whole = {"image_processor": PREPROCESSOR, "processor_class": "DonutProcessor"}
        (self.folder / "processor_config.json").write_text(json.dumps(whole))
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids, self.recorded["as_they_are"][0])

    def test_without_generation_config_the_last_place_takes_the_end(self):
        write_folder(self.folder, save_bin, generation=None)
        self.assertEqual(load_model(self.folder).config.forced_end, 2)

    def test_a_tied_embedding_may_be_written_under_either_name(self):
        def save(tensors, folder):
            save_bin({k: v for k, v in tensors.items() if not k.endswith("embed_tokens.weight")}, folder)

        write_folder(self.folder, save)
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids, self.recorded["as_they_are"][0])

    def test_without_preprocessor_the_values_are_those_of_transformers(self):
        write_folder(self.folder, save_bin, preprocessor=None)
        with self.assertLogs("hugging_face_settings", "WARNING") as logged:
            config = load_model(self.folder).config
        self.assertIn("mean and deviation 0.5", logged.output[0])
        self.assertEqual((config.mean, config.deviation), ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))

    def test_the_width_comes_first_in_a_size_that_is_a_list(self):
        write_folder(self.folder, save_bin, preprocessor={**PREPROCESSOR, "size": [128, 192]})
        self.assertEqual(load_model(self.folder).sizes.input_size, (192, 128))

    def test_the_prompt_is_the_files_own_or_the_only_token_that_opens_no_field(self):
        write_folder(self.folder, save_bin)
        self.assertEqual(load_model(self.folder).config.task_prompt, "<s_receipt>")
        ids = {name: 82 + place for place, name in enumerate(special_tokens())}
        write_folder(self.folder, save_bin, generation={**GENERATION, "decoder_start_token_id": ids["<s_store>"]})
        self.assertEqual(load_model(self.folder).config.task_prompt, "<s_store>")

    def test_a_longest_result_is_that_of_generation_config(self):
        write_folder(self.folder, save_bin, generation={**GENERATION, "max_length": 20})
        (ids,) = self.tokens(load_model(self.folder), [sample(0, fitted=True)])
        self.assertEqual(ids, [*self.recorded["as_they_are"][0][:19], 2])

    def test_tokens_with_other_ids_than_recorded_are_refused(self):
        wrong = [*special_tokens()[1:], special_tokens()[0]]
        write_folder(self.folder, save_bin, tokens=wrong)
        (self.folder / "added_tokens.json").write_text(json.dumps({name: 83 + i for i, name in enumerate(wrong)}))
        self.assert_refuses("tokens of my_model/ have other ids .* is another model's")

    def test_ids_recorded_in_any_of_the_files_are_followed(self):
        shuffled = [*special_tokens()[5:], *special_tokens()[:5]]
        ids = {name: 82 + place for place, name in enumerate(special_tokens())}
        forms = {
            "added_tokens.json": ids,
            "tokenizer_config.json": {"added_tokens_decoder": {str(i): {"content": name} for name, i in ids.items()}},
            "tokenizer.json": {"added_tokens": [{"id": i, "content": name} for name, i in ids.items()]},
        }
        for name, content in forms.items():
            with self.subTest(name=name):
                folder = self.folder / name[:6]
                write_folder(folder, save_bin, tokens=shuffled)
                (folder / name).write_text(json.dumps(content))
                known = load_model(folder).tokenizer.vocabulary
                self.assertEqual({token: known[token] for token in ids}, ids)

    def test_other_models_and_incomplete_ones_are_refused_by_name(self):
        def changed(part, **values):
            configuration = copy.deepcopy(MODEL)
            configuration[part].update(values)
            return configuration

        def without(name):
            return lambda tensors, folder: save_bin({k: v for k, v in tensors.items() if k != name}, folder)

        def with_more(name):
            return lambda tensors, folder: save_bin({**tensors, name: torch.zeros(2, 2)}, folder)

        def as_whole_numbers(tensors, folder):
            save_bin({name: value.to(torch.int8) for name, value in tensors.items()}, folder)

        def with_nan(tensors, folder):
            tensors["encoder.embeddings.norm.weight"][0] = float("nan")
            save_bin(tensors, folder)

        cases = [
            ({"configuration": changed("encoder", model_type="vit")}, save_bin, "a model of 'vit' and 'mbart'"),
            ({"configuration": {"model_type": MODEL["model_type"]}}, save_bin, 'no "encoder" and "decoder"'),
            ({"configuration": changed("encoder", use_absolute_embeddings=True)}, save_bin, "use_absolute_embeddings"),
            ({"configuration": changed("decoder", decoder_layers=3)}, save_bin, r"26 missing \(decoder"),
            ({"configuration": changed("encoder", layer_norm_eps=0.01)}, save_bin, "only 1e-05 is supported"),
            ({"configuration": {**MODEL, "quantization_config": {"bits": 8}}}, save_bin, "is quantised"),
            ({"configuration": changed("decoder", tie_word_embeddings=False)}, save_safetensors, "1 missing .*lm_head"),
            ({}, without("encoder.embeddings.norm.weight"), r": 1 missing \(encoder.model.patch_embed.norm.weight"),
            ({}, without("encoder.encoder.layers.0.blocks.0.attention.self.key.bias"), r": 1 missing .*2 unknown"),
            ({}, with_more("enc_to_dec_proj.weight"), r": 1 unknown \(enc_to_dec_proj"),
            ({}, as_whole_numbers, "[0-9]+ quantised"),
            (
                {"configuration": changed("decoder", activation_function="gelu_new")},
                save_bin,
                "only gelu, relu, silu, sw",
            ),
            ({"configuration": changed("decoder", decoder_attention_heads=5)}, save_bin, "96 channels cannot be split"),
            ({"configuration": changed("decoder", vocab_size=90)}, save_bin, "has 96 tokens and the model 90"),
            ({"preprocessor": {**PREPROCESSOR, "size": {"height": 192}}}, save_bin, "give whole numbers of pixels"),
            ({"generation": {**GENERATION, "num_beams": 4}}, save_bin, '"num_beams": 4 for generate: only greedy'),
            ({"generation": {**GENERATION, "suppress_tokens": [5]}}, save_bin, "suppress_tokens"),
            ({"generation": {**GENERATION, "eos_token_id": 5}}, save_bin, '"eos_token_id": 5, and the tokenizer 2'),
            ({"generation": {**GENERATION, "bad_words_ids": [[5, 6]]}}, save_bin, "only single tokens"),
            ({"generation": {**GENERATION, "bad_words_ids": [[5000]]}}, save_bin, "only single tokens"),
            ({"generation": {**GENERATION, "guidance_scale": 2.0}}, save_bin, "guidance_scale"),
            ({"generation": {**GENERATION, "forced_eos_token_id": 7}}, save_bin, '"forced_eos_token_id": 7'),
            ({"generation": None, "configuration": {**MODEL, "num_beams": 3}}, save_bin, '"num_beams": 3'),
            ({"configuration": changed("encoder", window_size=None)}, save_bin, '"window_size": None in "encoder"'),
            ({"preprocessor": {**PREPROCESSOR, "image_std": [0, 0, 0]}}, save_bin, '"image_std".*give three numbers'),
            ({}, with_nan, "hold NaN or infinity"),
            ({"preprocessor": {**PREPROCESSOR, "image_processor_type": "ViTImageProcessor"}}, save_bin, "ViTImage"),
            ({"preprocessor": {**PREPROCESSOR, "rescale_factor": 1 / 127.5}}, save_bin, "only 1/255"),
            ({"preprocessor": {**PREPROCESSOR, "do_pad": False}}, save_bin, "leaves out do_pad"),
            ({"preprocessor": {**PREPROCESSOR, "size": [100, 100]}}, save_bin, "cannot be cut into windows"),
        ]
        for number, (options, save, sentence) in enumerate(cases):
            with self.subTest(sentence=sentence):
                kept, self.folder = self.folder, self.folder / str(number)
                write_folder(self.folder, save, **options)
                self.assert_refuses(sentence)
                self.folder = kept

    def test_missing_and_broken_files_are_named(self):
        write_folder(self.folder, save_shards)
        (self.folder / "pytorch_model-00002-of-00003.bin").unlink()
        self.assert_refuses("names the file 'pytorch_model-00002-of-00003.bin', which is missing")
        write_folder(self.folder, lambda _, folder: (folder / "model.safetensors").write_bytes(b"{}"))
        self.assert_refuses("model.safetensors is not a safetensors file")
        (self.folder / "sentencepiece.bpe.model").unlink()
        (self.folder / "tokenizer.json").write_text("{}")
        self.assert_refuses("tokenizer.json alone is not enough")


if __name__ == "__main__":
    unittest.main()
