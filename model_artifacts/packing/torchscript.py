"""The model that the serving toolkit loads by itself: one TorchScript file at the top of the archive.

Source: default_model_fn in default_pytorch_inference_handler.py of sagemaker-pytorch-inference 2.0.10. It takes
model.pt, or else the only file that ends in .pt or .pth, and passes it to torch.jit.load. It looks for the latter in
the current folder, which is the model's in a worker of TorchServe.
"""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FIRST_CHOICE = "model.pt"
_SUFFIXES = frozenset({".pt", ".pth"})
# torch.jit.save writes the constants of the code; torch.save writes none, and torch.jit.load then fails.
_CONSTANTS = "constants.pkl"


def candidates(files: Mapping[str, Path]) -> list[str]:
    """Returns the files of an archive that the toolkit's model_fn may load, by their name in the archive."""
    return sorted(name for name in files if "/" not in name and PurePosixPath(name).suffix in _SUFFIXES)


def in_folder(files: Mapping[str, Path], folder: str) -> str | None:
    """Returns the only TorchScript file below a folder of an archive; None if there is none, or more than one."""
    below = [name for name in files if name.startswith(f"{folder}/") and PurePosixPath(name).suffix in _SUFFIXES]
    found = [name for name in below if is_torchscript(files[name])]
    return found[0] if len(found) == 1 else None


def reason_against_default(files: Mapping[str, Path]) -> str | None:
    """Returns why the toolkit's model_fn cannot load the model of an archive; None if it can."""
    names = candidates(files)
    chosen = [_FIRST_CHOICE] if _FIRST_CHOICE in names else names
    if not chosen:
        return "there is no .pt or .pth file"
    if len(chosen) > 1:
        return f"there are several ({', '.join(chosen)}), and none is named {_FIRST_CHOICE}"
    if not is_torchscript(files[chosen[0]]):
        return f"{chosen[0]} was not written by torch.jit.save"
    return None


def is_torchscript(path: Path) -> bool:
    """Whether torch.jit.save wrote a file, by what is in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).name == _CONSTANTS for name in archive.namelist())
    except zipfile.BadZipFile:
        return False
