"""Compiled modules in the code, such as those of an unpacked wheel: whether the image's Python can import them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

# A module for one Python has its version in the name (PEP 3149); one for all has none, or abi3.
_MODULE = re.compile(r"(?P<module>.+?)(\.cpython-3(?P<minor>\d+)[a-z]*(-[^/]*)?|\.abi3)?\.so")


def check(files: Mapping[str, Path], image: ServingImage) -> None:
    """Checks that each compiled module among an archive's files is there for the image's Python, or for all.

    Raises:
        ArchiveError: A module is there for other Pythons only.
    """
    found: dict[str, dict[str | None, Path]] = {}
    for name, path in files.items():
        parts = _MODULE.fullmatch(name)
        if parts is not None:
            found.setdefault(parts["module"], {})[parts["minor"]] = path
    wanted = image.python.split(".")[1]
    for by_version in found.values():
        if not by_version.keys() & {None, wanted}:
            minor, path = next(iter(sorted(by_version.items(), key=str)))
            raise ArchiveError(
                f"{path} is compiled for Python 3.{minor}, and the image {image.name} has Python {image.python}; put "
                "the file for that Python there, too, or name the package in code/requirements.txt."
            )
