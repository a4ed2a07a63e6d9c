"""Which lines of requirements.txt are taken where pip installs the packages in the container.

pip takes all that it can read; what it would reject or skip is rejected here, and what may change between two
containers. Checked against pip 23.0.1, the image's.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from model_artifacts.packing import requirement_options
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.requirement_lines import Kind, Line, read_lines
from model_artifacts.packing.requirement_rules import instead, pin_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

# Where the container has the folder of the code.
_CODE_IN_CONTAINER = "/opt/ml/model/code"

_VERSION_CONTROL = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)
_COMMIT = re.compile(r"@[0-9a-fA-F]{40}(?=$|[#;\s&])")
_BEFORE_NAME = re.compile(r"^(-[rce]|--requirement|--constraint|--editable)[\s=]*")
_BEFORE_URL = re.compile(r"^[^:/]*@\s*")
_FILE = re.compile(r"(^|@\s*)file:", re.IGNORECASE)


def check_installed(path: Path, image: ServingImage) -> None:
    """Checks the requirements.txt that pip reads in a container of an image, and the files that it includes.

    Raises:
        ArchiveError: pip would fail, or two containers could get different packages.
    """
    if path.is_file():
        lines = list(_all_lines(path, path.parent, ()))
        found: dict[str, Line] = {}
        for line in lines:
            _check_installed_line(line, path.parent, image, found)
        _check_hashes(lines)


def _all_lines(path: Path, code: Path, above: tuple[Path, ...]) -> Iterator[Line]:
    """Yields the lines of a file and, in their place, those of the files that it includes with -r."""
    for line in read_lines(path):
        fault = (
            requirement_options.fault(line.given, of_a_package=not line.text.startswith("-")) if line.given else None
        )
        if fault is not None:
            raise ArchiveError(f"{line.place} {fault}.")
        if line.kind is not Kind.INCLUDE:
            yield line
            continue
        name = _name(line)
        inside = _below_code(name) if name.startswith("/") else posixpath.join(_folder(path, code), name)
        target = posixpath.normpath(inside or "..")
        if target.startswith(("..", "/")) or not (code / target).is_file():
            raise ArchiveError(f"{line.place} includes {name}, which is not in {code}; put it there.")
        if code / target in (*above, path):
            raise ArchiveError(f"{line.place} includes {name} in itself, where pip never ends; remove the line.")
        included = list(_all_lines(code / target, code, (*above, path)))
        if not line.text.startswith(("-c", "--constraint")):
            yield from included


def _folder(path: Path, code: Path) -> str:
    return path.parent.relative_to(code).as_posix()


def _name(line: Line) -> str:
    """Returns the path or URL that a line names; the path of a file:// URL."""
    text = _BEFORE_URL.sub("", _BEFORE_NAME.sub("", line.text)).split(";")[0].strip().strip("\"'")
    if text.lower().startswith("file:"):
        text = unquote(urlsplit(text).path)
    return text.split("[")[0].strip()


def _below_code(name: str) -> str | None:
    """Returns an absolute path of the container as one below code/; None if it is elsewhere."""
    inside = posixpath.relpath(posixpath.normpath(name), _CODE_IN_CONTAINER)
    return None if inside.startswith("..") else inside


def _check_installed_line(line: Line, code: Path, image: ServingImage, found: dict[str, Line]) -> None:
    match line.kind:
        case Kind.NAMED:
            pin_of(line, image, found)
        case Kind.VERSION_CONTROL | Kind.EDITABLE if _VERSION_CONTROL.search(line.text):
            if not _COMMIT.search(line.text):
                raise ArchiveError(
                    f"{line.place} names no commit ({line.text}), so two containers could get different code; write "
                    "the commit's 40 digits after an @."
                )
        case Kind.FILE | Kind.EDITABLE:
            _check_path(line, code)
        case Kind.URL if _FILE.search(line.text):
            _check_path(line, code)
        case Kind.INVALID:
            raise ArchiveError(f"{line.place} is {line.kind.value} ({line.text}); {instead(line)}.")
        case _:
            return


def _check_path(line: Line, code: Path) -> None:
    """Checks that a file or folder that pip installs is in the archive; pip runs in the container's root folder."""
    name = _name(line)
    inside = _below_code(name) if name.startswith("/") else None
    if inside is None:
        below = posixpath.normpath(name)
        below = posixpath.basename(below) if below.startswith(("..", "/")) else below
        raise ArchiveError(
            f"{line.place} names {name}, which the container does not have; put it into code/, and write "
            f"{posixpath.join(_CODE_IN_CONTAINER, below)}."
        )
    if not (code / inside).exists():
        raise ArchiveError(f"{line.place} names {name}, but {code / inside} does not exist; put it there.")


def _check_hashes(lines: list[Line]) -> None:
    """Checks that all packages have hashes if one has: pip then requires them of all."""
    packages = [line for line in lines if line.kind not in {Kind.OPTION, Kind.INDEX}]
    without = next((line for line in packages if not line.hashes), None)
    required = any(line.hashes for line in packages) or any(line.text.startswith("--require-hashes") for line in lines)
    if required and without is not None:
        raise ArchiveError(
            f"{without.place} has no --hash ({without.text}), and pip requires one of every line if one line has it; "
            "add the hashes, or remove them all."
        )
