"""Every form that a model is saved in, and the sentence for each that does not load."""

import json
import os
from pathlib import Path
import shutil
import sys
import unittest

from safetensors.torch import save_file
import torch

from archive_worker import ARCHIVE
from donut_loading import load_model
import library_network
from library_network import HAS_DONUT_PYTHON
from make_stock_donut import write_model_folder
import model_folders
from model_folders import SMALL, SMALLEST_STOCK, donut_python_only, read

if HAS_DONUT_PYTHON:
    from donut_library import DonutConfig, DonutModel

FC1 = "decoder.model.model.decoder.layers.0.fc1.weight"


class TouchesFile:
    """A pickle of this makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


class Loading(model_folders.ModelFolderCase):
    def test_a_state_dict_of_own_sizes_loads(self):
        self.copy_small()
        model = self.load()
        self.assertEqual((model.sizes.hidden_size, model.sizes.encoder_positions), (96, True))
        self.assertEqual(read(model), read(load_model(ARCHIVE / "my_model")))

    def test_a_state_dict_of_the_stock_network_loads(self):
        write_model_folder(self.folder, SMALLEST_STOCK)
        model = self.load()
        self.assertEqual((model.sizes.encoder_embed_dim, model.sizes.decoder_ffn_dim), (128, 4096))
        saved = torch.load(str(self.folder / "model.pth"))
        self.assertEqual(saved.keys(), model.weights.keys())
        self.assertTrue(all(torch.equal(saved[name], value) for name, value in model.weights.items()))
        self.assertIsInstance(read(model), dict)

    @donut_python_only
    def test_a_state_dict_that_donut_python_wrote_loads(self):
        write_model_folder(self.folder, SMALLEST_STOCK)
        theirs = self.stock_network()
        torch.save(theirs.state_dict(), str(self.folder / "model.pth"))
        self.assertTrue(torch.equal(self.load().weights[FC1], theirs.state_dict()[FC1]))
        self.configure(base=SMALLEST_STOCK, input_size=[128, 64], window_size=4)
        self.assert_refuses(r"of another shape \(encoder")

    def stock_network(self):
        model = DonutModel(DonutConfig.from_dict({**SMALLEST_STOCK, "name_or_path": str(self.folder)}))
        model.decoder.add_special_tokens(["<sep/>", *SMALLEST_STOCK["special_tokens"]])
        return model

    @donut_python_only
    def test_a_save_pretrained_folder_loads(self):
        for make in (self.copy_small, lambda: write_model_folder(self.folder, SMALLEST_STOCK)):
            make()
            model = self.load()
            answer = read(model)
            self.save_pretrained(model)
            (self.folder / "model.pth").unlink()
            os.environ["DONUT_TASK_PROMPT"] = model.config.task_prompt
            again = self.load()
            self.assertEqual(again.sizes, model.sizes)
            self.assertEqual(again.tokenizer.added, model.tokenizer.added)
            self.assertEqual(read(again), answer)
            for path in self.folder.iterdir():
                path.unlink()

    def save_pretrained(self, model):
        """As donut-python saves a model after its training."""
        whole = library_network.network(model)
        whole.decoder.tokenizer.vocab_file = str(self.folder / "sentencepiece.bpe.model")
        whole.save_pretrained(str(self.folder))
        whole.decoder.tokenizer.save_pretrained(str(self.folder))

    @donut_python_only
    def test_a_whole_pickled_model_loads_only_when_allowed(self):
        self.copy_small()
        model = self.load()
        torch.save(library_network.network(model), str(self.folder / "model.pth"))
        self.assert_refuses(r"pickled Python objects \(donut_network.SizedDonut\).*ALLOW_PICKLED_MODEL=true")
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        self.assertEqual(read(self.load()), read(model))

    @donut_python_only
    def test_a_pickled_model_of_donut_python_s_own_classes_loads(self):
        write_model_folder(self.folder, SMALLEST_STOCK)
        model = self.load()
        theirs = self.stock_network()
        theirs.load_state_dict(model.weights, strict=False)
        torch.save(theirs, str(self.folder / "model.pth"))
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        again = self.load()
        self.assertEqual((again.sizes, again.tokenizer.added), (model.sizes, model.tokenizer.added))
        self.assertEqual(read(again), read(model))

    @unittest.skipIf(HAS_DONUT_PYTHON, "for the images without donut-python")
    def test_a_pickled_model_names_the_image_that_can_open_it(self):
        self.copy_small()
        torch.save({"model": Path("a")}, str(self.folder / "model.pth"))
        self.assert_refuses("pickled Python objects")
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        self.assert_refuses(r"does not have: open it on the image pytorch-1.11, and save model.state_dict\(\) there")

    def test_no_code_of_a_refused_pickle_runs(self):
        self.copy_small()
        touched = self.archive / "touched"
        torch.save({"weight": TouchesFile(touched)}, str(self.folder / "model.pth"))
        self.assert_refuses("pickled Python objects")
        self.assertFalse(touched.exists())
        os.environ["ALLOW_PICKLED_MODEL"] = "true"
        if HAS_DONUT_PYTHON:
            self.assert_refuses("is a pickled dict, not a DonutModel")
            self.assertTrue(touched.exists(), "the pickle is harmless, so that the check above proves nothing")

    def test_the_older_file_format_of_torch_loads(self):
        self.copy_small()
        weights = torch.load(str(self.folder / "model.pth"))
        torch.save(weights, str(self.folder / "model.pth"), _use_new_zipfile_serialization=False)
        self.assertEqual(len(self.load().weights), len(load_model(SMALL).weights))

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

    def test_a_save_pretrained_folder_may_hold_safetensors_and_must_hold_every_weight(self):
        self.copy_small()
        model = self.load()
        weights = torch.load(str(self.folder / "model.pth"))
        (self.folder / "model.pth").unlink()
        save_file({name: value.clone() for name, value in weights.items()}, str(self.folder / "model.safetensors"))
        self.assertEqual(read(self.load()), read(model))
        (self.folder / "model.safetensors").unlink()
        weights.pop("decoder.model.model.decoder.layers.0.fc1.weight")
        torch.save(weights, str(self.folder / "pytorch_model.bin"))
        self.assert_refuses(r"pytorch_model.bin does not fit .* 1 missing \(decoder")

    def test_weights_in_two_forms_are_refused(self):
        """A model copied over the bundled one: the calibration of the one must not go with the other."""
        self.copy_small()
        shutil.copy(SMALL / "model.pth", self.folder / "pytorch_model.bin")
        self.assert_refuses("holds both pytorch_model.bin and model.pth")

    def test_special_tokens_in_another_order_than_trained_are_refused(self):
        """A tokenizer's file of another model: every result would be nonsense, with status 200."""
        self.copy_small()
        names = ["<sep/>", *json.loads((SMALL / "config.json").read_text(encoding="utf-8"))["special_tokens"]]
        shuffled = {name: 82 + place for place, name in enumerate(sorted(names, reverse=True))}
        (self.folder / "added_tokens.json").write_text(json.dumps(shuffled), encoding="utf-8")
        self.assert_refuses(r"14 tokens of my_model/ have other ids .*\('</s_date>' has 95, not 82\)")
        right = {name: 82 + place for place, name in enumerate(sorted(names))}
        (self.folder / "added_tokens.json").write_text(json.dumps(right), encoding="utf-8")
        self.load()

    def test_sizes_that_fit_no_network_are_named(self):
        self.copy_small()
        for changes, sentence in (
            ({"input_size": [200, 128]}, r"pages of \[200, 128\] pixels cannot be cut into windows of 8 cells"),
            ({"input_size": [192]}, "must have a height and a width"),
            ({"encoder_heads": [2, 5]}, "96 channels cannot be split into 5 heads"),
            ({"encoder_heads": [2]}, "2 stages and heads for 1"),
            ({"decoder_heads": 0}, '"decoder_heads" in my_model/config.json is 0: give whole numbers above 0'),
            ({"encoder_layer": 2}, '"encoder_layer" in my_model/config.json is 2: give a list'),
            ({"special_tokens": "<s_a>"}, '"special_tokens" in config.json'),
        ):
            with self.subTest(**changes):
                self.configure(**changes)
                self.assert_refuses(sentence)

    def test_a_vocabulary_that_sentencepiece_did_not_write_is_named(self):
        self.copy_small()
        (self.folder / "sentencepiece.bpe.model").write_bytes(b"version https://git-lfs.github.com/spec/v1")
        self.assert_refuses("my_model/sentencepiece.bpe.model is not a model of sentencepiece")

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

    @donut_python_only
    def test_donut_s_training_tools_are_looked_for_only_when_asked_for(self):
        import donut  # noqa: PLC0415 - after donut_library, as in a user's own handler

        self.assertIs(donut.DonutModel, DonutModel)
        self.assertNotIn("donut.util", sys.modules)
        with self.assertRaisesRegex(ModuleNotFoundError, "datasets|nltk|zss"):
            _ = donut.load_json


if __name__ == "__main__":
    unittest.main()
