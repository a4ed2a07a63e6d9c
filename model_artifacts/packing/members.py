"""The files of the archive, and the checks of the folder they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from model_artifacts.packing import (
    compiled,
    donut,
    handler_code,
    installed_rules,
    layout,
    pins,
    placement,
    server_manifest,
)
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ImageName, ServingImage

INCLUDED = "included"
INSTALL = "install"

CODE, MODEL, PROGRAM = layout.CODE, layout.MODEL, layout.PROGRAM
VENDOR = f"{CODE}/vendor"

# SageMaker's limit for the archive of ModelDataUrl; a prefix with uncompressed files has none.
MOST_BYTES = 5 * 1024**3

_LFS_POINTER = b"version https://git-lfs"
_LFS_POINTER_BYTES = 1024  # at most: a pointer has three lines
_NAMED = 12  # of what is left out


@dataclass(frozen=True, order=True)
class Member:
    """One file of the archive: its name in the archive, and its path on disk."""

    name: str
    path: Path


@dataclass(frozen=True)
class Contents:
    """What a folder's archive has, without the vendored packages.

    Attributes:
        members: The archive's files, sorted by name.
        notes: What the reader should know: what is left out, and what may be missing. Each is one line.
    """

    members: list[Member]
    notes: tuple[str, ...]


def list_members(
    folder: Path, dependencies: str = INCLUDED, program: str = PROGRAM, *, image: ImageName = DEFAULT_IMAGE
) -> list[Member]:
    """Returns the archive's files; `read_contents` says what is left out too."""
    return read_contents(folder, dependencies, program, image=image).members


def read_contents(
    folder: Path, dependencies: str = INCLUDED, program: str = PROGRAM, *, image: ImageName = DEFAULT_IMAGE
) -> Contents:
    """Returns what is packed of a folder, without the vendored packages.

    Args:
        folder: The folder with the model's weights and code/.
        dependencies: "included" leaves out requirements.txt, so that no pip runs when a container starts; "install"
            leaves out the lock.
        program: The container's SAGEMAKER_PROGRAM.
        image: The image that the archive is for.

    Raises:
        ArchiveError: The folder cannot be packed; the message says why.
    """
    target = IMAGES[image]
    try:
        found = layout.read_layout(folder, program)
        _check_sizes(folder, found.files)
        place = placement.check_script(folder, found, program, target)
        donut.check(folder, found.files)
        lack = placement.check_weights(folder, found)
        compiled.check(found.files, target)
        notes = handler_code.check(found.files, target, found.script or layout.SCRIPT)
        notes += [f"Note: {each}." for each in (place, lack) if each is not None]
        if dependencies == INCLUDED:
            _check_included(folder, target)
        else:
            installed_rules.check_installed(folder / CODE / pins.REQUIREMENTS, target)
    except OSError as error:
        raise ArchiveError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ArchiveError(f"A text file below {folder} is not UTF-8: {error}.") from error
    for name in _of_the_other_way(dependencies, target):
        found.files.pop(f"{CODE}/{name}", None)
    found.files.update(server_manifest.manifest_files(found.files, target))
    if found.left_out:
        more = f" and {len(found.left_out) - _NAMED} more" if len(found.left_out) > _NAMED else ""
        notes.append(f"Left out: {', '.join(found.left_out[:_NAMED])}{more}.")
    return Contents(sorted(Member(name, path) for name, path in found.files.items()), tuple(notes))


def _of_the_other_way(dependencies: str, image: ServingImage) -> set[str]:
    """Returns the files of code/ that are about other images' packages, or about another way to get them."""
    locks = set(pins.LOCKS)
    if dependencies == INSTALL:
        return locks
    # requirements.txt would start pip, which takes a second and uses the network even with nothing to install.
    return locks - {pins.lock_name(image)} | {pins.REQUIREMENTS}


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


def _check_included(folder: Path, image: ServingImage) -> None:
    lock = pins.lock_name(image)
    pins.check_lock(folder / CODE, image)
    if (folder / VENDOR).exists() and (folder / CODE / lock).exists():
        raise ArchiveError(f"{folder / VENDOR} is where the packages of {lock} are packed; rename it.")
