"""Reads requirements.txt line by line as pip does, and says of what kind each line is.

Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/. Checked against pip 23.0.1, the image's.
"""

from __future__ import annotations

import codecs
import itertools
import re
import shlex
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMENT = re.compile(r"(^|\s+)#.*$")
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
# UTF-32's first: it begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_VERSION_CONTROL = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.IGNORECASE)
_FILES = (".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# From a space before a dash on, pip reads options; https://pip.pypa.io/en/stable/reference/requirements-file-format/
_OPTIONS = re.compile(r"\s(?=--?[A-Za-z])")


class Kind(Enum):
    """What a line of requirements.txt asks pip for."""

    NAMED = "a package by its name"
    URL = "a package from a URL"
    VERSION_CONTROL = "a package from version control"
    FILE = "a package from a file or folder"
    EDITABLE = "a package in editable mode"
    INCLUDE = "another requirements file"
    INDEX = "another place to find packages"
    OPTION = "an option of pip"
    INVALID = "nothing that pip can read"


@dataclass(frozen=True)
class Line:
    """A logical line: without comments, with its continuation lines.

    Attributes:
        path: The file.
        number: The number of the first of its lines.
        text: The requirement, or the whole option; without the options of the requirement.
        kind: What it asks for.
        hashes: The values of --hash, sorted.
        options: The names of the requirement's other options.
        given: All options as they are written, from the first on; "" without any.
        requirement: The requirement of a NAMED line.
    """

    path: Path
    number: int
    text: str
    kind: Kind
    hashes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    given: str = ""
    requirement: Requirement | None = None

    @property
    def place(self) -> str:
        """The file and the line, to begin a sentence with."""
        return f"{self.path}, line {self.number},"


def read_lines(path: Path) -> list[Line]:
    """Returns the lines of a requirements file that are not blank or comments.

    Raises:
        ArchiveError: The file is not text.
    """
    return [_read_line(path, number, text) for number, text in _logical_lines(_text(path))]


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding, skipped = "utf-8", 0
    mark = next((mark for mark in _MARKS if content.startswith(mark[0])), None)
    if mark is not None:
        encoding, skipped = mark[1], len(mark[0])
    else:
        for line in content.split(b"\n")[:2]:
            if line.startswith(b"#") and (declared := _CODING.search(line)):
                encoding = declared[1].decode("ascii", "replace")
    try:
        return content[skipped:].decode(encoding)
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    except LookupError:
        raise ArchiveError(f"{path} declares the encoding {encoding}, which is unknown; save it as UTF-8.") from None


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields each line with its number, continuation lines joined; a comment line ends a continued line."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        whole = "".join([*parts, f" {line}" if is_comment else line])
        parts = []
        if found := _COMMENT.sub("", whole).strip():
            yield first, found
    if found := _COMMENT.sub("", "".join(parts)).strip():
        yield first, found


def _read_line(path: Path, number: int, text: str) -> Line:
    if text.startswith("-"):
        return Line(path, number, text, _kind_of_option(text), given=text)
    requirement, *options = _OPTIONS.split(text, maxsplit=1)
    requirement = requirement.strip()
    try:
        words = shlex.split(options[0]) if options else []
    except ValueError:
        return Line(path, number, text, Kind.INVALID)
    hashes = {word.partition("=")[2] for word in words if word.startswith("--hash=")}
    hashes |= {value for word, value in itertools.pairwise(words) if word == "--hash"}
    names = (word.partition("=")[0] for word in words if word.startswith("-"))
    others = tuple(name for name in names if name != "--hash")
    kind, parsed = _kind_of_requirement(requirement)
    given = options[0] if options else ""
    return Line(path, number, requirement, kind, tuple(sorted(hashes)), others, given, parsed)


def _kind_of_option(text: str) -> Kind:
    name = re.split(r"[\s=]", text, maxsplit=1)[0]
    short = name[:2] if not name.startswith("--") else ""
    if name == "--editable" or short == "-e":
        return Kind.EDITABLE
    if name in {"--requirement", "--constraint"} or short in {"-r", "-c"}:
        return Kind.INCLUDE
    is_index = name in {"--index-url", "--extra-index-url", "--find-links", "--no-index"} or short in {"-i", "-f"}
    return Kind.INDEX if is_index else Kind.OPTION


def _kind_of_requirement(text: str) -> tuple[Kind, Requirement | None]:
    if _VERSION_CONTROL.match(text):
        return Kind.VERSION_CONTROL, None
    if _URL.match(text):
        return Kind.URL, None
    bare = text.split(";", 1)[0].strip()
    if text.startswith((".", "/", "~")) or re.sub(r"\[.*\]$", "", bare).lower().endswith(_FILES):
        return (Kind.FILE, None) if "@" not in text else (Kind.URL, None)
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        return Kind.INVALID, None
    if parsed.url is None:
        return Kind.NAMED, parsed
    return (Kind.VERSION_CONTROL if _VERSION_CONTROL.match(parsed.url) else Kind.URL), parsed
