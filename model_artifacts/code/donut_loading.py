"""Loads a Donut from a folder of local files, whichever of the usual forms it was saved in.

Three forms, distinguished by the files in the folder:

- `pytorch_model.bin`, `config.json` and a tokenizer: a `save_pretrained` folder.
- `model.pth` with a state_dict, `config.json` and `sentencepiece.bpe.model`. A configuration with
  `encoder_embed_dim` makes a network of its own sizes (donut_network), one without it the stock network.
- `model.pth` with a whole pickled model. Reading it runs whatever code the file names, and it breaks with the next
  version of a library, so it is rejected unless the environment variable ALLOW_PICKLED_MODEL is `true`.

`list_fields` in `config.json` names the fields that are lists: Donut's tokens spell a list of one as its element. The
task prompt that starts a result (such as `<s_cord-v2>`) is the environment variable DONUT_TASK_PROMPT or, where
that is not set, `task_prompt` in `config.json`.
"""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import torch

import restricted_pickle
from donut_library import DonutConfig, DonutModel
from donut_network import SizedDonut, SizedDonutConfig

if TYPE_CHECKING:
    from pathlib import Path

STATE_DICT_FILE = "model.pth"
PRETRAINED_FILE = "pytorch_model.bin"
TOKENIZER_FILE = "sentencepiece.bpe.model"
NAMES_SHOWN = 3


class ModelFolderError(Exception):
    """The folder holds no model that can be loaded; the message says what to do."""


def load_model(folder: Path) -> DonutModel:
    """Loads the model in a folder, in evaluation mode, on the GPU in half precision where there is one.

    Args:
        folder: Holds one of the three forms. Nothing is read from elsewhere.

    Returns:
        The model; `config.task_prompt` is the prompt of its results, `config.list_fields` the fields that are lists.

    Raises:
        ModelFolderError: A file is missing or does not fit the others.
    """
    configuration = _read_configuration(folder)
    if (folder / PRETRAINED_FILE).is_file():
        model_class, _ = _classes(configuration)
        _require(folder, TOKENIZER_FILE)
        model = model_class.from_pretrained(str(folder))
    elif (folder / STATE_DICT_FILE).is_file():
        model = _load_file(folder, configuration)
    else:
        raise ModelFolderError(
            f"{folder.name}/ holds neither {STATE_DICT_FILE} nor {PRETRAINED_FILE}: put the model there."
        )
    model.config.task_prompt = _task_prompt(configuration)
    model.config.list_fields = _list_fields(configuration)
    _check_prompt(model)
    if torch.cuda.is_available():
        model.half().to("cuda")
    return model.eval()


def _require(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise ModelFolderError(f"{folder.name}/{name} is missing: put it beside the model.")


def _read_configuration(folder: Path) -> dict[str, Any]:
    _require(folder, "config.json")
    try:
        configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFolderError(f"{folder.name}/config.json is not JSON: {str(error)!a}.") from None
    if not isinstance(configuration, dict):
        raise ModelFolderError(f"{folder.name}/config.json must hold a JSON object of Donut's settings.")
    return configuration


def _classes(configuration: dict[str, Any]) -> tuple[type[DonutModel], type[DonutConfig]]:
    return (SizedDonut, SizedDonutConfig) if "encoder_embed_dim" in configuration else (DonutModel, DonutConfig)


def _load_file(folder: Path, configuration: dict[str, Any]) -> DonutModel:
    path = folder / STATE_DICT_FILE
    try:
        weights = torch.load(str(path), map_location="cpu", pickle_module=restricted_pickle)
    except restricted_pickle.ForbiddenNameError as error:
        if os.environ.get("ALLOW_PICKLED_MODEL", "").lower() == "true":
            return _load_pickled(path)
        raise ModelFolderError(
            f"{folder.name}/{STATE_DICT_FILE} is not a state_dict but pickled Python objects ({error}): save "
            "model.state_dict() instead or, if you trust the file, set ALLOW_PICKLED_MODEL=true."
        ) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        raise ModelFolderError(f"{folder.name}/{STATE_DICT_FILE} is not a file that torch.save wrote.") from None
    _require(folder, TOKENIZER_FILE)
    return _fill(_build(folder, configuration), weights, folder)


def _load_pickled(path: Path) -> DonutModel:
    model = torch.load(str(path), map_location="cpu")
    if not isinstance(model, DonutModel):
        raise ModelFolderError(f"{path.parent.name}/{path.name} is a pickled {type(model).__name__}, not a DonutModel.")
    return model


def _build(folder: Path, configuration: dict[str, Any]) -> DonutModel:
    model_class, config_class = _classes(configuration)
    # With a folder as its name, donut-python reads the tokenizer from there and downloads no first weights.
    model = model_class(config_class.from_dict({**configuration, "name_or_path": str(folder)}))
    model.decoder.add_special_tokens(["<sep/>", *configuration.get("special_tokens", [])])
    return model


def _fill(model: DonutModel, weights: object, folder: Path) -> DonutModel:
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ModelFolderError(
            f"{folder.name}/{STATE_DICT_FILE} is not a state_dict: save the result of model.state_dict()."
        )
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    faults = [
        f"{len(names)} {fault} ({', '.join(sorted(names)[:NAMES_SHOWN])})"
        for fault, names in (
            ("missing", wanted.keys() - found.keys()),
            ("unknown", found.keys() - wanted.keys()),
            ("of another shape", {name for name in wanted.keys() & found.keys() if wanted[name] != found[name]}),
        )
        if names
    ]
    if faults:
        raise ModelFolderError(
            f"{folder.name}/{STATE_DICT_FILE} does not fit {folder.name}/config.json and the tokenizer: weights "
            f"{', '.join(faults)}."
        )
    model.load_state_dict(weights)
    return model


def _task_prompt(configuration: dict[str, Any]) -> str:
    prompt = os.environ.get("DONUT_TASK_PROMPT") or configuration.get("task_prompt")
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


def _check_prompt(model: DonutModel) -> None:
    known: list[str] = list(model.decoder.tokenizer.get_added_vocab())
    if model.config.task_prompt not in known:
        raise ModelFolderError(
            f"The tokenizer does not know the task prompt {model.config.task_prompt!a} as one token: it knows "
            f"{', '.join(map(ascii, sorted(known)[:20]))}."
        )
