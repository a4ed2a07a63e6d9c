"""Loads a Donut from a folder of local files, whichever of the usual forms it was saved in.

Four forms, distinguished by the files in the folder:

- `model.safetensors` or `pytorch_model.bin`, and a `config.json` of the type `vision-encoder-decoder`: a Donut that
  Hugging Face's transformers saved (hugging_face).
- `pytorch_model.bin`, `config.json` and a tokenizer: a `save_pretrained` folder of donut-python.
- `model.pth` with a state_dict, `config.json` and `sentencepiece.bpe.model`. A configuration with
  `encoder_embed_dim` makes a network of its own sizes, one without it the stock network.
- `model.pth` with a whole pickled model. Reading it runs whatever code the file names, and it breaks with the next
  version of a library, so it is rejected unless the environment variable ALLOW_PICKLED_MODEL is `true`. It loads only
  on an image that has donut-python.

`list_fields` in `config.json` names the fields that are lists: Donut's tokens spell a list of one as its element. The
task prompt that starts a result (such as `<s_cord-v2>`) is the environment variable DONUT_TASK_PROMPT or, where that is
not set, `task_prompt` in `config.json` or the token that Hugging Face's files start a result with.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

import hugging_face
import restricted_pickle
import vocabulary
from donut_configuration import is_sized, longest_result, read_sizes
from donut_model import Donut, DonutSettings
from hugging_face_settings import MBART_END
from model_folder import ModelFolderError, read_object
from weight_checks import fitting_weights
from weight_files import PRETRAINED_FILES, PYTORCH_FILE, SAFETENSORS_FILE, load_tensors, read_pretrained_weights

if TYPE_CHECKING:
    from pathlib import Path

    from piece_tokenizer import PieceTokenizer

STATE_DICT_FILE = "model.pth"


def load_model(folder: Path, gpu: int | None = None) -> Donut:
    """Loads the model in a folder, on the GPU in half precision where there is one.

    Args:
        folder: Holds one of the four forms. Nothing is read from elsewhere.
        gpu: The number of the worker's GPU; None for the first one.

    Raises:
        ModelFolderError: A file is missing or does not fit the others.
    """
    configuration = _read_configuration(folder)
    weights = _weights_file(folder)
    if configuration.get("model_type") == hugging_face.MODEL_TYPE:
        model = hugging_face.load(folder, configuration, weights)
    elif weights == STATE_DICT_FILE:
        model = _load_file(folder, configuration)
    else:
        model = _load_pretrained(folder, configuration, weights)
    model.config.weights_file = weights
    model.config.task_prompt = _task_prompt(configuration, model)
    model.config.list_fields = _list_fields(configuration)
    _check_prompt(model)
    if torch.cuda.is_available():
        model.move(torch.device("cuda", gpu or 0), torch.float16)
    return model


def _weights_file(folder: Path) -> str:
    """Returns the name of the file, or of the index of shards, that has the weights.

    Raises:
        ModelFolderError: There is none, or more than one: which of them is the model cannot be known.
    """
    found = [name for name in (*PRETRAINED_FILES, STATE_DICT_FILE) if (folder / name).is_file()]
    if not found:
        raise ModelFolderError(
            f"{folder.name}/ holds none of {STATE_DICT_FILE}, {SAFETENSORS_FILE} and {PYTORCH_FILE}: put the model "
            "there."
        )
    if STATE_DICT_FILE in found and len(found) > 1:
        raise ModelFolderError(f"{folder.name}/ holds both {found[0]} and {STATE_DICT_FILE}: remove the one not meant.")
    return found[0]


def _read_configuration(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise ModelFolderError(f"{folder.name}/config.json is missing: put it beside the model.")
    return read_object(folder, "config.json")


def _load_pretrained(folder: Path, configuration: dict[str, Any], file: str) -> Donut:
    tokenizer = vocabulary.read_tokenizer(folder)
    vocabulary.add_as_donut_does(tokenizer, _special_tokens(configuration), separator_first=not is_sized(configuration))
    return _assembled(folder, configuration, tokenizer, read_pretrained_weights(folder), file)


def _load_file(folder: Path, configuration: dict[str, Any]) -> Donut:
    path = folder / STATE_DICT_FILE
    try:
        weights = load_tensors(path)
    except restricted_pickle.ForbiddenNameError as error:
        if os.environ.get("ALLOW_PICKLED_MODEL", "").lower() == "true":
            import pickled_model  # no other form needs it

            return pickled_model.load(path)
        raise ModelFolderError(
            f"{folder.name}/{STATE_DICT_FILE} is not a state_dict but pickled Python objects ({error}): save "
            "model.state_dict() instead or, if you trust the file, set ALLOW_PICKLED_MODEL=true."
        ) from None
    tokenizer, names = vocabulary.read_tokenizer(folder), _special_tokens(configuration)
    separator_first = not is_sized(configuration)
    vocabulary.add_as_donut_does(tokenizer, names, separator_first=separator_first)
    # A tokenizer's files beside it may have given them other ids.
    vocabulary.check_ids(tokenizer, vocabulary.ids_in_donut(tokenizer, names, separator_first=separator_first), folder)
    return _assembled(folder, configuration, tokenizer, weights, STATE_DICT_FILE)


def _assembled(
    folder: Path, configuration: dict[str, Any], tokenizer: PieceTokenizer, weights: object, file: str
) -> Donut:
    sizes = read_sizes(folder, configuration, len(tokenizer))
    settings = DonutSettings(
        max_length=longest_result(folder, configuration),
        forbidden_tokens=[tokenizer.unknown],
        # donut-python keeps MBartConfig's default.
        forced_end=MBART_END,
        align_long_axis=bool(configuration.get("align_long_axis", False)),
    )
    return Donut(sizes, settings, tokenizer, fitting_weights(weights, sizes, folder, file))


def _special_tokens(configuration: dict[str, Any]) -> list[str]:
    names = configuration.get("special_tokens") or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ModelFolderError(f'"special_tokens" in config.json is {names!a}: give a list of tokens, or leave it out.')
    return names


def _task_prompt(configuration: dict[str, Any], model: Donut) -> str:
    prompt = os.environ.get("DONUT_TASK_PROMPT") or configuration.get("task_prompt")
    prompt = prompt or model.config.task_prompt
    if not prompt:
        raise ModelFolderError(
            'No task prompt: add "task_prompt" (such as "<s_cord-v2>") to config.json or set DONUT_TASK_PROMPT.'
        )
    return str(prompt)


def _list_fields(configuration: dict[str, Any]) -> list[str]:
    names = configuration.get("list_fields", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelFolderError(
            f'"list_fields" in config.json is {names!a}: give a list of field names, or leave it out.'
        )
    return names


def _check_prompt(model: Donut) -> None:
    known = list(model.tokenizer.added)
    if model.config.task_prompt not in known:
        raise ModelFolderError(
            f"The tokenizer does not know the task prompt {model.config.task_prompt!a} as one token: it knows "
            f"{', '.join(map(ascii, sorted(known)[:20]))}."
        )
