"""The requirements of a model's code: requirements.txt, vendor.toml beside it, and the lock of both.

The first line of the lock has a digest of both files, so an outdated lock is detected without a network.
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

# The PyTorch 1.11 image's: Ubuntu 20.04 has glibc 2.31.
PYTHON = "3.8"
PLATFORM = "x86_64-manylinux_2_31"

_FIRST_LINE = "# Made by `async-endpoint model lock`; sha256 of what it is made of: "
# https://packaging.python.org/en/latest/specifications/dependency-specifiers/, of which only == is a pin.
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]+\])?\s*"
    r"==\s*[A-Za-z0-9][A-Za-z0-9.!+_-]*\s*(?:;\s*\S.*)?"
)


@dataclass(frozen=True)
class Requirements:
    """The packages that the code requires, and which of them are not included.

    Attributes:
        pins: The lines of requirements.txt without comments.
        image: The image's packages, by name, with the required version or "" for any.
        left_out: The normalised names of packages that are required and never imported.
    """

    pins: tuple[str, ...]
    image: Mapping[str, str]
    left_out: frozenset[str]

    @property
    def digest(self) -> str:
        """The SHA-256, in hex; comments, order and the spelling of names do not count."""
        parts = [PYTHON, PLATFORM, sorted(self.pins), sorted(self.image.items()), sorted(self.left_out)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def first_line(self) -> str:
        """The first line of a lock of these requirements."""
        return f"{_FIRST_LINE}{self.digest}\n"


def normalised(name: str) -> str:
    """Returns a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(code: Path) -> Requirements:
    """Returns the requirements of a code folder; without the files, none.

    Raises:
        ArchiveError: A line is not a pin, or vendor.toml has other contents than it may have.
    """
    image, left_out = _vendor_list(code / VENDOR_LIST)
    return Requirements(pins=tuple(_pins(code / REQUIREMENTS)), image=image, left_out=left_out)


def check_lock(code: Path) -> None:
    """Checks that a lock that is needed exists and is up to date with requirements.txt and vendor.toml.

    Raises:
        ArchiveError: The lock is missing or outdated.
    """
    requirements, lock = read_requirements(code), code / LOCK
    if not requirements.pins and not lock.exists():
        return
    state = "is missing"
    if lock.exists():
        if _text(lock).startswith(requirements.first_line):
            return
        state = "is outdated"
    beside = f" and {VENDOR_LIST}" if (code / VENDOR_LIST).exists() else ""
    raise ArchiveError(
        f"{lock} {state}, and the packages of {REQUIREMENTS}{beside} cannot be included without it; run "
        'async-endpoint model lock, or set model.dependencies = "install".'
    )


def _text(path: Path) -> str:
    """Returns a file's text, with or without a byte order mark, as pip reads it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None


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
            raise ArchiveError(f"{path}, line {number}, pins {pin['name']} a second time; remove one of the two lines.")
        found[name] = text
    return list(found.values())


def _vendor_list(path: Path) -> tuple[dict[str, str], frozenset[str]]:
    if not path.is_file():
        return {}, frozenset()
    try:
        table = tomllib.loads(_text(path))
    except ValueError as error:
        raise ArchiveError(f"{path} is not TOML: {error}.") from None
    image, reasons = table.pop("image", {}), table.pop("left-out", {})
    if (
        table
        or not (isinstance(image, dict) and all(isinstance(version, str) for version in image.values()))
        or not (isinstance(reasons, dict) and all(isinstance(names, list) for names in reasons.values()))
    ):
        raise ArchiveError(
            f'{path} may contain only two tables: [image] with name = "version" (or ""), and [left-out] with '
            '"reason" = [names].'
        )
    left_out = frozenset(normalised(str(name)) for names in reasons.values() for name in names)
    return {normalised(name): version for name, version in image.items()}, left_out
