"""What this project's Donut code would reject when the model loads, minutes after the deployment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.layout import CODE, MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Code with this module loads a Donut from my_model/; other code may load any files from anywhere.
_LOADER = f"{CODE}/donut_loading.py"
_PICKLED = (f"{MODEL}/model.pth", f"{MODEL}/pytorch_model.bin")
_SAFETENSORS = f"{MODEL}/model.safetensors"
_INDEXES = (f"{MODEL}/model.safetensors.index.json", f"{MODEL}/pytorch_model.bin.index.json")
# torch.save writes a zip file; older versions a pickle.
_SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04")
# https://github.com/huggingface/safetensors#format: the header's length in 8 bytes, then the header, a JSON object.
_SAFETENSORS_HEADER = slice(8, 9)


def check(folder: Path, files: Mapping[str, Path]) -> None:
    """Checks the weights and the configuration in my_model/, if the code is this project's.

    Raises:
        ArchiveError: Weights are missing or of another format, or the configuration is not a JSON object.
    """
    if _LOADER not in files:
        return
    _check_weights(folder, files)
    _read_object(folder / MODEL / "config.json", "put the model's configuration there, from its training")


def _check_weights(folder: Path, files: Mapping[str, Path]) -> None:
    pickled = next((files[name] for name in _PICKLED if name in files), None)
    index = next((files[name] for name in _INDEXES if name in files), None)
    if pickled is not None:
        if not _first_bytes(pickled)[:4].startswith(_SAVED_BY_TORCH):
            raise ArchiveError(f"{pickled} was not written by torch.save; save model.state_dict() with it.")
    elif _SAFETENSORS in files:
        if _first_bytes(files[_SAFETENSORS])[_SAFETENSORS_HEADER] != b"{":
            raise ArchiveError(f"{files[_SAFETENSORS]} is not a safetensors file; write it with save_pretrained.")
    elif index is not None:
        shards = _read_object(index, "copy it again from the checkpoint").get("weight_map")
        named = sorted(set(shards.values())) if isinstance(shards, dict) else []
        missing = [name for name in named if f"{MODEL}/{name}" not in files]
        if missing:
            raise ArchiveError(f"{folder / MODEL / missing[0]} is missing, which {index.name} names; copy it there.")
    else:
        raise ArchiveError(
            f"{folder / MODEL} has no Donut's weights; put model.pth there, or a save_pretrained folder's "
            "pytorch_model.bin or model.safetensors."
        )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as content:
        return content.read(_SAFETENSORS_HEADER.stop)


def _read_object(path: Path, remedy: str) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        reason = "is not a JSON object"
    except FileNotFoundError:
        reason = "is missing"
    except ValueError as error:
        reason = f"is not JSON ({error})"
    raise ArchiveError(f"{path} {reason}; {remedy}.")
