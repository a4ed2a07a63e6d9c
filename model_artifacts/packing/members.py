"""What goes into the archive, and what is wrong with a folder of which none can be made.

Layout: https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_artifacts.packing import handler_functions, pins
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INCLUDED = "included"
INSTALL = "install"

CODE = "code"
MODEL = "my_model"
VENDOR = f"{CODE}/vendor"

# What SageMaker fetches and unpacks for ModelDataUrl; a prefix of uncompressed files has no such limit.
MOST_BYTES = 5 * 1024**3

_SCRIPT = f"{CODE}/{handler_functions.SCRIPT}"
# For the repository, or for packing; an endpoint has no use for them.
_LEFT_OUT = frozenset({f"{MODEL}/README.md", f"{CODE}/ruff.toml", f"{CODE}/{pins.VENDOR_LIST}"})
# requirements.txt would start pip, for a second and a look at the network, were there nothing to install either.
_LEFT_OUT_BY = {INCLUDED: f"{CODE}/{pins.REQUIREMENTS}", INSTALL: f"{CODE}/{pins.LOCK}"}

_WEIGHTS = (".pth", ".pt", ".bin", ".safetensors")
_LFS_POINTER = b"version https://git-lfs"
# Of torch.save: a zip file, or of old a pickle.
_SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04")
# With this module in it, a code folder loads a Donut from my_model/; any other's model_fn reads what it likes.
_DONUT = f"{CODE}/donut_loading.py"
_DONUT_WEIGHTS = (f"{MODEL}/model.pth", f"{MODEL}/pytorch_model.bin")


@dataclass(frozen=True, order=True)
class Member:
    """One file of the archive: its name there, and where it is here."""

    name: str
    path: Path


def members(folder: Path, dependencies: str = INCLUDED) -> list[Member]:
    """The archive's files, sorted by name, without the vendored packages.

    Caches, hidden files, the model's README.md and the code's ruff.toml stay out.

    Args:
        folder: Holds my_model/ and code/.
        dependencies: "included" leaves requirements.txt out, so that no pip runs when a container starts; "install"
            leaves the lock out.

    Raises:
        ArchiveError: For a folder of which no archive can be made; the sentence says why.
    """
    try:
        found = {
            name: path for part in (CODE, MODEL) for name, path in _files(folder / part, f"{part}/") if _wanted(name)
        }
        _check_layout(folder, found)
        _check_sizes(folder, found)
        handler_functions.check(folder / CODE)
        pins.read(folder / CODE)
        if dependencies == INCLUDED:
            _check_included(folder)
        if _DONUT in found:
            _check_donut(folder, found)
    except OSError as error:
        raise ArchiveError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ArchiveError(f"A file below {folder} that should be text is not UTF-8: {error}.") from error
    found.pop(_LEFT_OUT_BY[dependencies], None)
    return sorted(Member(name, path) for name, path in found.items())


def _wanted(name: str) -> bool:
    return name not in _LEFT_OUT


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Every file below a folder that belongs into the archive, by its name there."""
    if folder.is_symlink():
        raise ArchiveError(f"{folder} is a symbolic link, which SageMaker refuses; put the folder itself there.")
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            raise ArchiveError(f"{path} is a symbolic link, which SageMaker refuses; put the file itself there.")
        if path.name.startswith(".") or path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            yield from _files(path, f"{prefix}{path.name}/")
        elif stat.S_ISREG(kind):
            yield f"{prefix}{path.name}", path
        else:
            raise ArchiveError(f"{path} is neither a file nor a folder, and cannot be packed; remove it.")


def _check_layout(folder: Path, found: dict[str, Path]) -> None:
    if not folder.is_dir():
        raise ArchiveError(f"{folder} is no folder; give the one that holds {MODEL}/ and {CODE}/.")
    on_top = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    stray = next((name for name in on_top if name.endswith(_WEIGHTS)), None)
    if not any(name.startswith(f"{MODEL}/") for name in found):
        if stray is not None:
            raise ArchiveError(f"{folder / stray} lies beside {MODEL}/, where model_fn does not look; move it there.")
        raise ArchiveError(
            f"{folder / _DONUT_WEIGHTS[0]} is missing; put the trained model there (a save_pretrained folder's "
            "pytorch_model.bin will do as well)."
        )
    if _SCRIPT not in found:
        if handler_functions.SCRIPT in on_top:
            raise ArchiveError(f"{folder / handler_functions.SCRIPT} has to be in {CODE}/; move it to {_SCRIPT}.")
        raise ArchiveError(f"{folder / _SCRIPT} is missing; the endpoint has nothing to run without it.")


def _check_sizes(folder: Path, found: dict[str, Path]) -> None:
    sizes = {path: path.stat().st_size for path in found.values()}
    if sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        raise ArchiveError(
            f"The files below {folder} are {sum(sizes.values()) / 1024**3:.1f} GB ({largest.name} the largest), and "
            f"weights hardly shrink: SageMaker takes archives of up to {MOST_BYTES // 1024**3} GB; upload the files "
            'as they are, and set model.source = "prefix".'
        )
    for path, size in sizes.items():
        if size < 1024 and path.read_bytes().startswith(_LFS_POINTER):  # noqa: PLR2004 - a pointer has three lines
            raise ArchiveError(f"{path} is a pointer of Git LFS, not the file itself; run git lfs pull.")


def _check_included(folder: Path) -> None:
    pins.check_lock(folder / CODE)
    if (folder / VENDOR).exists() and (folder / CODE / pins.LOCK).exists():
        raise ArchiveError(f"{folder / VENDOR} is in the way of the packages of {pins.LOCK}; give it another name.")


def _check_donut(folder: Path, found: dict[str, Path]) -> None:
    """What donut_loading would say, minutes after the deployment."""
    weights = next((found[name] for name in _DONUT_WEIGHTS if name in found), None)
    if weights is None:
        raise ArchiveError(
            f"{folder / _DONUT_WEIGHTS[0]} is missing; put the trained model there (a save_pretrained folder's "
            "pytorch_model.bin will do as well)."
        )
    with weights.open("rb") as content:
        if not content.read(4).startswith(_SAVED_BY_TORCH):
            raise ArchiveError(f"{weights} is not a file that torch.save wrote; save model.state_dict() with it.")
    configuration = folder / MODEL / "config.json"
    try:
        if isinstance(json.loads(configuration.read_text(encoding="utf-8")), dict):
            return
        reason = "holds no JSON object"
    except FileNotFoundError:
        reason = "is missing"
    except ValueError as error:
        reason = f"is no JSON ({error})"
    raise ArchiveError(f"{configuration} {reason}; put the configuration that the model was trained with there.")
