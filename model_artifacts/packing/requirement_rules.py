"""Which lines of requirements.txt are taken, and what to do instead of the others.

One rule for both ways: a line names one fixed set of files, so that every container gets the same. Where the archive
includes the packages, they come from an index, by name and version: the lock has their hashes and no host.
`installed_rules.py` has the rules for pip in the container.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from model_artifacts.packing import requirement_options
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.requirement_lines import Kind, Line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

# What differs between two builds of an image, such as the patch release of its Python.
_BY_BUILD = re.compile(r"\b(python_full_version|implementation_version|platform_release|platform_version)\b")
# What the lock and its installation do anyway: hashes always, wheels always.
_ALREADY_SO = ("--require-hashes", "--only-binary", "--prefer-binary")

_OWN_FILES = "put the package's files into code/"
_PIN = "write each package as name==version, so that every container gets the same"
_INSTALL = 'set model.dependencies = "install"'


@dataclass(frozen=True)
class Pin:
    """A package at one version.

    Attributes:
        name: The normalised name.
        text: The requirement, as it is in the file.
        hashes: Those that the file allows, such as "sha256:…"; without any, all that the index has.
    """

    name: str
    text: str
    hashes: tuple[str, ...] = ()

    @property
    def digested(self) -> str:
        """What counts in the digest of the lock."""
        return " ".join([self.text, *(f"--hash={value}" for value in self.hashes)])


def included(path: Path, image: ServingImage) -> Iterator[Pin]:
    """Yields the packages of a requirements.txt that code in an image requires; none if there is no file.

    Raises:
        ArchiveError: A line is something else than a package at one version, or contradicts what the image brings.
    """
    found: dict[str, Line] = {}
    for line in read_lines(path) if path.is_file() else ():
        if line.kind is Kind.OPTION and line.text.startswith(_ALREADY_SO):
            fault = requirement_options.fault(line.given, of_a_package=False)
            if fault is not None:
                raise ArchiveError(f"{line.place} {fault}.")
            continue
        if line.kind is not Kind.NAMED:
            raise ArchiveError(f"{line.place} is {line.kind.value} ({line.text}); {instead(line)}.")
        if line.options:
            raise ArchiveError(f"{line.place} has the option {line.options[0]}, which only pip knows; {_INSTALL}.")
        if line.requirement is not None and _BY_BUILD.search(str(line.requirement.marker or "")):
            raise ArchiveError(
                f'{line.place} is "{line.text}", and its marker depends on the day on which an image was built; use '
                "python_version."
            )
        if (pin := pin_of(line, image, found)) is not None:
            _check_brought(line, image)
            yield pin


def instead(line: Line) -> str:
    """Returns what to do instead of a line, where the packages are included."""
    text = line.text.lower()
    if line.kind in {Kind.URL, Kind.FILE} and re.search(r"\.whl\b", text):
        unpack = "unpack the wheel into code/ (python -m zipfile -e WHEEL code)"
        return f"{unpack}, or {_INSTALL}" if line.kind is Kind.URL else unpack
    if line.kind is Kind.INDEX:
        return _instead_of_index(text)
    if text.startswith("--no-binary"):
        return f"packing takes wheels only, as nothing is built here; {_OWN_FILES}, or {_INSTALL}"
    return {
        Kind.URL: f"{_OWN_FILES}, or {_INSTALL}",
        Kind.VERSION_CONTROL: f"{_OWN_FILES}, or {_INSTALL}",
        Kind.FILE: _OWN_FILES,
        Kind.EDITABLE: _OWN_FILES,
        Kind.INCLUDE: f"write the lines of that file here, or {_INSTALL}",
        Kind.OPTION: f"remove the line, or {_INSTALL}",
    }.get(line.kind, _PIN)


def _instead_of_index(text: str) -> str:
    """Returns what to do instead of an option for a package index: uv takes it from the environment."""
    if text.startswith("--no-index"):
        return "remove the line: the lock has a hash for every file"
    variable = "UV_INDEX_URL"
    if text.startswith("--extra"):
        variable = "UV_EXTRA_INDEX_URL"
    elif text.startswith(("-f", "--find-links")):
        variable = "UV_FIND_LINKS"
    return (
        f"remove the line, and set the variable {variable} to that place for async-endpoint model lock and for the "
        f"deploy, or {_INSTALL}"
    )


def pin_of(line: Line, image: ServingImage, found: dict[str, Line]) -> Pin | None:
    """Returns the package of a line; None if its marker does not fit the image, or if a line before has the package.

    Args:
        line: A line of requirements.txt.
        image: The image.
        found: The lines before, by package.

    Raises:
        ArchiveError: The line is not a package at one version, or a line before has another version.
    """
    requirement = line.requirement
    if requirement is None:  # of a line that is not NAMED
        return None
    exact = [
        each for each in requirement.specifier if each.operator in {"==", "==="} and not each.version.endswith(".*")
    ]
    if not exact:
        raise ArchiveError(f'{line.place} is "{line.text}"; {_PIN}.')
    name = canonicalize_name(requirement.name)
    if requirement.marker is not None and not requirement.marker.evaluate(_environment(image)):
        return None
    before = found.setdefault(name, line)
    if before is not line and _same(before, line):
        return None
    if before is not line:
        raise ArchiveError(
            f"{line.place} pins {requirement.name} a second time, after line {before.number}; remove one of the two "
            "lines."
        )
    if not any(requirement.specifier.contains(each.version, prereleases=True) for each in exact):
        raise ArchiveError(f'{line.place} is "{line.text}", which no version can be; {_PIN}.')
    return Pin(name, line.text, line.hashes)


def _environment(image: ServingImage) -> dict[str, str]:
    """Returns an image's values of the markers.

    https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
    """
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{image.python}.0",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{image.python}.0",
        "python_version": image.python,
        "sys_platform": "linux",
        "extra": "",
    }


def _check_brought(line: Line, image: ServingImage) -> None:
    """Checks that a package that the image brings is required at the image's version.

    The container's toolkit may have imported it before the code: another version in the archive would not be used.
    """
    requirement = line.requirement
    brought = image.packages.get(canonicalize_name(requirement.name)) if requirement is not None else None
    if requirement is None or brought is None:
        return
    if requirement.extras:
        raise ArchiveError(
            f'{line.place} is "{line.text}", and the image {image.name} brings {requirement.name} as it is; write the '
            "packages of the extras in lines of their own."
        )
    if not requirement.specifier.contains(brought):
        raise ArchiveError(
            f'{line.place} is "{line.text}", and the image {image.name} brings {requirement.name} {brought}, which is '
            f"the one that is imported; write {requirement.name}=={brought}, or limit the line to other images with "
            'a marker such as ; python_version < "3.9".'
        )


def _same(one: Line, other: Line) -> bool:
    return str(one.requirement) == str(other.requirement) and one.hashes == other.hashes
