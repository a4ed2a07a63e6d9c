"""vendor.toml: which of the packages that requirements.txt brings along are not included, for all images or for one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

_IMAGE, _LEFT_OUT = "image", "left-out"


@dataclass(frozen=True)
class VendorList:
    """What vendor.toml says for an image.

    Attributes:
        image: Packages that the image brings, by name, with the required version or "" for any. Those of the table of
            images need not be here.
        left_out: The normalised names of packages that are required and never imported.
    """

    image: Mapping[str, str]
    left_out: frozenset[str]


def read_vendor_list(path: Path, image: ServingImage) -> VendorList:
    """Reads the tables for all images and those below the image's name; without a file there are none.

    Raises:
        ArchiveError: The file is not TOML, has other contents than it may have, or contradicts the image.
    """
    if not path.is_file():
        return VendorList({}, frozenset())
    try:
        table = tomllib.loads(read_text(path))
    except ValueError as error:
        raise ArchiveError(f"{path} is not TOML: {error}.") from None
    below = {name: table.pop(name, {}) for name in IMAGES}
    parts = [table, *below.values()]
    if not all(_is_valid(part) for part in parts):
        raise ArchiveError(
            f'{path} may contain only two tables, [image] with name = "version" (or ""), and [left-out] with '
            f'"reason" = [names]; for one image, they are ["{image.name}".image] and ["{image.name}".left-out].'
        )
    (brought_by_all, left_out_of_all), (brought_by_one, left_out_of_one) = _read(table), _read(below[image.name])
    found = VendorList(brought_by_all | brought_by_one, left_out_of_all | left_out_of_one)
    for name, version in found.image.items():
        brought = image.packages.get(name, version)
        if version and version != brought:
            raise ArchiveError(
                f"{path} has {name} {version} in [image], and the image {image.name} brings {name} {brought}; remove "
                f"{name} from the file: what an image brings of its own is known."
            )
    return found


def read_text(path: Path) -> str:
    """Returns a file's text, with or without a byte order mark, as pip reads it.

    Raises:
        ArchiveError: The file is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None


def _is_valid(part: Any) -> bool:
    if not isinstance(part, dict) or part.keys() - {_IMAGE, _LEFT_OUT}:
        return False
    image, reasons = part.get(_IMAGE, {}), part.get(_LEFT_OUT, {})
    return (
        isinstance(image, dict)
        and all(isinstance(version, str) for version in image.values())
        and isinstance(reasons, dict)
        and all(isinstance(names, list) for names in reasons.values())
    )


def _read(part: dict[str, dict[str, Any]]) -> tuple[dict[str, str], frozenset[str]]:
    image = {str(canonicalize_name(name)): str(version) for name, version in part.get(_IMAGE, {}).items()}
    left_out = (canonicalize_name(str(name)) for names in part.get(_LEFT_OUT, {}).values() for name in names)
    return image, frozenset(left_out)
