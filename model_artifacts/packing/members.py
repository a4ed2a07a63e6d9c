"""The files of the archive, and the checks of the folder they are in.

Layout: https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_artifacts.packing import handler_code, pins
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INCLUDED = "included"
INSTALL = "install"

CODE = "code"
MODEL = "my_model"
VENDOR = f"{CODE}/vendor"

# SageMaker's limit for the archive of ModelDataUrl; a prefix with uncompressed files has none.
MOST_BYTES = 5 * 1024**3

_SCRIPT = f"{CODE}/{handler_code.SCRIPT}"
# Used in the repository or for packing, not by an endpoint.
_LEFT_OUT = frozenset({f"{MODEL}/README.md", f"{CODE}/ruff.toml", f"{CODE}/{pins.VENDOR_LIST}"})
# requirements.txt would start pip, which takes a second and uses the network even with nothing to install.
_LEFT_OUT_BY = {INCLUDED: f"{CODE}/{pins.REQUIREMENTS}", INSTALL: f"{CODE}/{pins.LOCK}"}

_WEIGHTS = (".pth", ".pt", ".bin", ".safetensors")
_LFS_POINTER = b"version https://git-lfs"
_LFS_POINTER_BYTES = 1024  # at most: a pointer has three lines
# torch.save writes a zip file; older versions a pickle.
_SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04")
# Code with this module loads a Donut from my_model/; other code may load any files.
_DONUT = f"{CODE}/donut_loading.py"
_DONUT_WEIGHTS = (f"{MODEL}/model.pth", f"{MODEL}/pytorch_model.bin")


@dataclass(frozen=True, order=True)
class Member:
    """One file of the archive: its name in the archive, and its path on disk."""

    name: str
    path: Path


def list_members(folder: Path, dependencies: str = INCLUDED) -> list[Member]:
    """Returns the archive's files, sorted by name, without the vendored packages.

    Leaves out caches, hidden files, the model's README.md and the code's ruff.toml.

    Args:
        folder: The folder with my_model/ and code/.
        dependencies: "included" leaves out requirements.txt, so that no pip runs when a container starts; "install"
            leaves out the lock.

    Raises:
        ArchiveError: The folder cannot be packed; the message says why.
    """
    try:
        found = {
            name: path
            for part in (CODE, MODEL)
            for name, path in _files(folder / part, f"{part}/")
            if name not in _LEFT_OUT
        }
        _check_layout(folder, found)
        _check_sizes(folder, found)
        handler_code.check(folder / CODE)
        pins.read_requirements(folder / CODE)
        if dependencies == INCLUDED:
            _check_included(folder)
        if _DONUT in found:
            _check_donut(folder, found)
    except OSError as error:
        raise ArchiveError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ArchiveError(f"A text file below {folder} is not UTF-8: {error}.") from error
    found.pop(_LEFT_OUT_BY[dependencies], None)
    return sorted(Member(name, path) for name, path in found.items())


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Yields the files below a folder that may be packed, each with its name in the archive."""
    if folder.is_symlink():
        raise ArchiveError(f"{folder} is a symbolic link, which SageMaker rejects; replace it with the folder.")
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            raise ArchiveError(f"{path} is a symbolic link, which SageMaker rejects; replace it with the file.")
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
        raise ArchiveError(f"{folder} is not a folder; name the folder with {MODEL}/ and {CODE}/.")
    top_level = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    stray = next((name for name in top_level if name.endswith(_WEIGHTS)), None)
    if not any(name.startswith(f"{MODEL}/") for name in found):
        if stray is not None:
            raise ArchiveError(
                f"{folder / stray} is beside {MODEL}/, where model_fn does not look; move it into {MODEL}/."
            )
        raise ArchiveError(
            f"{folder / _DONUT_WEIGHTS[0]} is missing; put the trained model there (or a save_pretrained folder's "
            "pytorch_model.bin)."
        )
    if _SCRIPT not in found:
        if handler_code.SCRIPT in top_level:
            raise ArchiveError(f"{folder / handler_code.SCRIPT} must be in {CODE}/; move it to {_SCRIPT}.")
        raise ArchiveError(f"{folder / _SCRIPT} is missing; it is the code that the endpoint runs.")


def _check_sizes(folder: Path, found: dict[str, Path]) -> None:
    sizes = {path: path.stat().st_size for path in found.values()}
    if sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda path: sizes[path])
        raise ArchiveError(
            f"The files below {folder} are {sum(sizes.values()) / 1024**3:.1f} GB ({largest.name} the largest), and "
            f"weights hardly shrink: SageMaker's limit for archives is {MOST_BYTES // 1024**3} GB; upload the files "
            'uncompressed, and set model.source = "prefix".'
        )
    for path, size in sizes.items():
        if size < _LFS_POINTER_BYTES and path.read_bytes().startswith(_LFS_POINTER):
            raise ArchiveError(f"{path} is a Git LFS pointer, not the file itself; run git lfs pull.")


def _check_included(folder: Path) -> None:
    pins.check_lock(folder / CODE)
    if (folder / VENDOR).exists() and (folder / CODE / pins.LOCK).exists():
        raise ArchiveError(f"{folder / VENDOR} is where the packages of {pins.LOCK} are packed; rename it.")


def _check_donut(folder: Path, found: dict[str, Path]) -> None:
    """Checks what donut_loading would reject, minutes after the deployment."""
    weights = next((found[name] for name in _DONUT_WEIGHTS if name in found), None)
    if weights is None:
        raise ArchiveError(
            f"{folder / _DONUT_WEIGHTS[0]} is missing; put the trained model there (or a save_pretrained folder's "
            "pytorch_model.bin)."
        )
    with weights.open("rb") as content:
        if not content.read(4).startswith(_SAVED_BY_TORCH):
            raise ArchiveError(f"{weights} was not written by torch.save; save model.state_dict() with it.")
    configuration = folder / MODEL / "config.json"
    try:
        if isinstance(json.loads(configuration.read_text(encoding="utf-8")), dict):
            return
        reason = "is not a JSON object"
    except FileNotFoundError:
        reason = "is missing"
    except ValueError as error:
        reason = f"is not JSON ({error})"
    raise ArchiveError(f"{configuration} {reason}; put the model's configuration there, from its training.")
