"""What a model's code asks for: requirements.txt, vendor.toml beside it, and the lock that is made of both.

The lock stands for what they said when it was made: its first line holds a digest of them, so that a lock of other
requirements is noticed without a network.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REQUIREMENTS = "requirements.txt"
LOCK = "requirements.lock"
VENDOR_LIST = "vendor.toml"

# Of the PyTorch 1.11 image: Ubuntu 20.04 has glibc 2.31.
PYTHON = "3.8"
PLATFORM = "x86_64-manylinux_2_31"

_FIRST_LINE = "# Made by `async-endpoint model lock`; sha256 of what it is made of: "
# https://packaging.python.org/en/latest/specifications/dependency-specifiers/, of which only == is a pin.
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]+\])?\s*"
    r"==\s*[A-Za-z0-9][A-Za-z0-9.!+_-]*\s*(?:;\s*\S.*)?"
)


@dataclass(frozen=True)
class Wanted:
    """What has to be in the container beside the code.

    Attributes:
        pins: The lines of requirements.txt without comments.
        image: Packages that the image brings, by name; a version where it must be just that, else "".
        left_out: Packages that are asked for and never imported, by normalised name.
    """

    pins: tuple[str, ...]
    image: Mapping[str, str]
    left_out: frozenset[str]

    @property
    def digest(self) -> str:
        """SHA-256, in hex; comments, order and the spelling of names do not count."""
        said = [PYTHON, PLATFORM, sorted(self.pins), sorted(self.image.items()), sorted(self.left_out)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def first_line(self) -> str:
        """How the lock that belongs to it begins."""
        return f"{_FIRST_LINE}{self.digest}\n"


def normalised(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(code: Path) -> Wanted:
    """What a code folder asks for; without the files, nothing.

    Raises:
        ArchiveError: For a line that is no pin, and for a vendor.toml that says something else than it can.
    """
    image, left_out = _vendor_list(code / VENDOR_LIST)
    return Wanted(pins=tuple(_pins(code / REQUIREMENTS)), image=image, left_out=left_out)


def check_lock(code: Path) -> None:
    """Sees that the lock is there if it is needed, and belongs to requirements.txt and vendor.toml as they are now.

    Raises:
        ArchiveError: It is missing, or was made of something else.
    """
    wanted, lock = read(code), code / LOCK
    if not wanted.pins and not lock.exists():
        return
    state = "is missing"
    if lock.exists():
        if _text(lock).startswith(wanted.first_line):
            return
        state = "was made of something else"
    beside = f" and {VENDOR_LIST}" if (code / VENDOR_LIST).exists() else ""
    raise ArchiveError(
        f"{lock} {state}, and the packages of {REQUIREMENTS}{beside} cannot be included without it; run "
        'async-endpoint model lock, or set model.dependencies = "install".'
    )


def _text(path: Path) -> str:
    """A file's text, with a byte order mark or without, as pip takes it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is no UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None


def _pins(path: Path) -> list[str]:
    found: dict[str, str] = {}
    lines = _text(path).splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not text:
            continue
        pin = _PIN.fullmatch(text)
        if pin is None:
            raise ArchiveError(
                f'{path}, line {number}, is "{text}"; write each package as name==version, so that every container '
                "gets the same."
            )
        name = normalised(pin["name"])
        if name in found:
            raise ArchiveError(f"{path}, line {number}, pins {pin['name']} a second time; leave one line of the two.")
        found[name] = text
    return list(found.values())


def _vendor_list(path: Path) -> tuple[dict[str, str], frozenset[str]]:
    if not path.is_file():
        return {}, frozenset()
    try:
        table = tomllib.loads(_text(path))
    except ValueError as error:
        raise ArchiveError(f"{path} is no TOML: {error}.") from None
    image, reasons = table.pop("image", {}), table.pop("left-out", {})
    if (
        table
        or not (isinstance(image, dict) and all(isinstance(version, str) for version in image.values()))
        or not (isinstance(reasons, dict) and all(isinstance(names, list) for names in reasons.values()))
    ):
        raise ArchiveError(
            f'{path} may hold two tables, [image] of name = "version" (or "") and [left-out] of "reason" = [names], '
            "and no more."
        )
    left_out = frozenset(normalised(str(name)) for names in reasons.values() for name in names)
    return {normalised(name): version for name, version in image.items()}, left_out
