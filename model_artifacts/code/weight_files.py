"""Reads the weights of a model folder: PyTorch's files and safetensors, in one file or in shards."""

from __future__ import annotations

import inspect
import json
import pickle
from typing import TYPE_CHECKING

import torch

import restricted_pickle
from model_folder import ModelFolderError

if TYPE_CHECKING:
    from pathlib import Path

PYTORCH_FILE = "pytorch_model.bin"
SAFETENSORS_FILE = "model.safetensors"
_INDEX = ".index.json"
# In the order in which they are looked for.
PRETRAINED_FILES = tuple(f"{name}{end}" for name in (SAFETENSORS_FILE, PYTORCH_FILE) for end in ("", _INDEX))
# From version 2.6 on, torch takes no pickle module of ours unless its own restriction is off. 1.11 does not know it.
UNRESTRICTED = {"weights_only": False} if "weights_only" in inspect.signature(torch.load).parameters else {}


def read_pretrained_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Returns the weights that `save_pretrained` wrote, by name, on the CPU.

    Raises:
        ModelFolderError: A file is missing, broken, or holds something else than weights.
    """
    for name in PRETRAINED_FILES:
        if (folder / name).is_file():
            return _read_shards(folder, name) if name.endswith(_INDEX) else _read_file(folder / name)
    raise ModelFolderError(f"{folder.name}/ holds neither {SAFETENSORS_FILE} nor {PYTORCH_FILE}: put the model there.")


def load_tensors(path: Path) -> object:
    """Returns what torch.save wrote to a file, if it is made of tensors.

    Raises:
        ForbiddenNameError: It holds other Python objects; none of their code has run.
        ModelFolderError: torch.save did not write it, or not all of it is there.
    """
    try:
        return torch.load(str(path), map_location="cpu", pickle_module=restricted_pickle, **UNRESTRICTED)
    except restricted_pickle.ForbiddenNameError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        raise ModelFolderError(f"{path.parent.name}/{path.name} is not a file that torch.save wrote.") from None


def _read_shards(folder: Path, index: str) -> dict[str, torch.Tensor]:
    try:
        files = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(files.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelFolderError(f'{folder.name}/{index} is not an index of weights, with a "weight_map".') from None
    weights: dict[str, torch.Tensor] = {}
    for name in names:
        path = folder / str(name)
        if path.parent != folder or not path.is_file():
            raise ModelFolderError(f"{folder.name}/{index} names the file {name!a}, which is missing: put it there.")
        weights.update(_read_file(path))
    if missing := sorted(set(files) - set(weights)):
        raise ModelFolderError(
            f"{folder.name}/{index} names {len(missing)} weights that its files do not hold ({missing[0]!a} is one)."
        )
    return weights


def _read_file(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        weights = load_tensors(path)
    except restricted_pickle.ForbiddenNameError as error:
        raise ModelFolderError(
            f"{path.parent.name}/{path.name} holds pickled Python objects ({error}): save the weights alone."
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ModelFolderError(f"{path.parent.name}/{path.name} is not a state_dict: save model.state_dict().")
    return weights


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        import safetensors  # where it is needed: other models start sooner without it
        from safetensors.torch import load_file  # as above
    except ImportError:
        raise ModelFolderError(
            f"{path.parent.name}/{path.name} needs the package safetensors: add it to code/requirements.txt."
        ) from None
    try:
        return load_file(str(path))
    except safetensors.SafetensorError as error:
        raise ModelFolderError(f"{path.parent.name}/{path.name} is not a safetensors file: {str(error)!a}.") from None
