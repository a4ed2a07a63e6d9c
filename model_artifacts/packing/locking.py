"""Writes an image's lock: every package that the archive includes, at one version, with its hashes and no host.

Leaves out the packages of the image, which are resolved at the image's versions, what only they require, which the
image has too, and the packages that vendor.toml lists as never imported. Keeps the versions of the existing lock if
they still fit: delete the lock to get the newest.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from model_artifacts.packing import pins
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.vendoring import run_uv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.protocol.serving_images import ServingImage


@dataclass(frozen=True)
class _Package:
    """A package that is required, directly or not.

    Attributes:
        lines: Its lines of the lock.
        required_by: The names of the packages that require it, and "" for requirements.txt.
    """

    lines: str
    required_by: frozenset[str]


def lock(code: Path, image: ServingImage) -> Path:
    """Resolves the code's requirements for an image and writes the lock beside them; needs network access.

    Returns:
        The lock's path.

    Raises:
        ArchiveError: There is nothing to lock, uv finds no compatible versions, or vendor.toml lists packages that
            nothing requires.
    """
    requirements, target = pins.read_requirements(code, image), code / pins.lock_name(image)
    if not requirements.pins:
        raise ArchiveError(
            f"{code / pins.REQUIREMENTS} lists no package for the image {image.name}; there is nothing to lock."
        )
    packages = _resolve(requirements, target)
    unknown = sorted((requirements.vendor_list.image.keys() | requirements.vendor_list.left_out) - packages.keys())
    if unknown:
        raise ArchiveError(
            f"{code / pins.VENDOR_LIST} names {', '.join(unknown)}, which nothing in {pins.REQUIREMENTS} requires for "
            f"the image {image.name}; remove it, or move it to the tables of the image that needs it, below its name."
        )
    allowed = {pin.name: pin.hashes for pin in requirements.pins if pin.hashes}
    included = _required(packages, frozenset(requirements.of_the_image)) - requirements.vendor_list.left_out
    kept = [
        _with_hashes_of(packages[name].lines, allowed.get(name, ()), code / pins.REQUIREMENTS)
        for name in sorted(included)
    ]
    draft = target.with_name(f".{target.name}")
    draft.write_text(requirements.first_line + "".join(kept), encoding="utf-8")
    draft.replace(target)
    return target


def _resolve(requirements: pins.Requirements, before: Path) -> dict[str, _Package]:
    """Returns every package that is required, directly or not, by its name."""
    image = requirements.for_image
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pinned, constraints, out = (folder / name for name in ("in.txt", "constraints.txt", "out.txt"))
        # Their markers fit the image; uv would take the oldest patch release of its Python for them.
        pinned.write_text("\n".join(pin.text.partition(";")[0] for pin in requirements.pins), encoding="utf-8")
        fixed = [f"{name}=={version}\n" for name, version in requirements.of_the_image.items() if version]
        constraints.write_text("".join(fixed), encoding="utf-8")
        if before.is_file():
            shutil.copyfile(before, out)  # the versions that uv prefers
        done = run_uv(
            "pip", "compile", str(pinned), "--constraints", str(constraints), "--output-file", str(out),
            "--python", sys.executable, "--python-version", image.python, "--python-platform", image.platform,
            "--generate-hashes", "--no-header", "--annotation-style", "split", "--quiet",
        )  # fmt: skip
        if done.returncode:
            reason = " ".join(done.stderr.split())
            raise ArchiveError(f"No compatible versions were found for the image {image.name}: {reason}")
        text = out.read_text(encoding="utf-8")
    # A package starts at the margin; its hashes, and below them what requires it, are indented.
    blocks = re.findall(r"^[A-Za-z0-9].*\n(?:[ \t]+.*\n)*", text, re.MULTILINE)
    return {_name(block): _package(block, str(pinned)) for block in blocks}


def _name(block: str) -> str:
    return canonicalize_name(re.split(r"[=\[ ]", block, maxsplit=1)[0])


def _package(block: str, pinned: str) -> _Package:
    """Returns a package of uv's output; what requires it is in comments, `# via NAME` or one below the other."""
    lines = block.splitlines(keepends=True)
    found = re.findall(r"^[ \t]+# (?:via |  )(\S.*)$", block, re.MULTILINE)
    named = {"" if each == f"-r {pinned}" else each for each in found}
    return _Package("".join(line for line in lines if not line.lstrip().startswith("#")), frozenset(named))


def _required(packages: Mapping[str, _Package], brought: frozenset[str]) -> frozenset[str]:
    """Returns the packages that something else than the image's own packages requires."""
    found: set[str] = set()
    while True:
        more = {
            name
            for name, package in packages.items()
            if name not in brought | found and package.required_by & (found | {""})
        }
        if not more:
            return frozenset(found)
        found |= more


def _with_hashes_of(block: str, allowed: tuple[str, ...], requirements: Path) -> str:
    """Returns a package's lines of the lock with no other hashes than requirements.txt allows; all if it has none."""
    if not allowed:
        return block
    first, *found = re.split(r"\s*\\\n\s*--hash=", block.rstrip("\n"))
    kept = [value for value in found if value in allowed]
    if not kept:
        raise ArchiveError(
            f"{requirements} has other hashes for {first} than the package index; correct the version or the hashes."
        )
    return " \\\n".join([first, *(f"    --hash={value}" for value in kept)]) + "\n"
