"""The requirements of a model's code: requirements.txt, vendor.toml beside it, and a lock of both for each image.

The first line of a lock has a digest of what both files say for its image, so an outdated lock is detected without a
network.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from model_artifacts.packing import requirement_rules, vendor_list
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage
    from model_artifacts.packing.requirement_rules import Pin
    from model_artifacts.packing.vendor_list import VendorList

REQUIREMENTS = "requirements.txt"
VENDOR_LIST = "vendor.toml"
# The name that the lock had before there was a choice of images.
_DEFAULT_LOCK = "requirements.lock"

_FIRST_LINE = "# Made by `async-endpoint model lock`; sha256 of what it is made of: "
_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[.*\])?==", re.MULTILINE)


@dataclass(frozen=True)
class Requirements:
    """The packages that the code requires of one image, and which of them are not included.

    Attributes:
        for_image: The image.
        pins: The packages of requirements.txt whose markers fit the image.
        vendor_list: What vendor.toml says for the image.
    """

    for_image: ServingImage
    pins: tuple[Pin, ...]
    vendor_list: VendorList

    @property
    def digest(self) -> str:
        """The SHA-256, in hex; comments, order and the spelling of names do not count.

        The image's own packages need not count: its name has their versions.
        """
        pinned = sorted(pin.digested for pin in self.pins)
        named = [sorted(self.vendor_list.image.items()), sorted(self.vendor_list.left_out)]
        parts = [self.for_image.python, self.for_image.platform, pinned, *named]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def first_line(self) -> str:
        """The first line of a lock of these requirements."""
        return f"{_FIRST_LINE}{self.digest}\n"

    @property
    def of_the_image(self) -> dict[str, str]:
        """The packages that the image brings, by name, with their versions or "" for any."""
        return {**self.vendor_list.image, **self.for_image.packages}


def lock_name(image: ServingImage) -> str:
    """Returns the name of the lock for an image."""
    return _DEFAULT_LOCK if image.name == DEFAULT_IMAGE else f"requirements.{image.name}.lock"


LOCKS = {lock_name(image): image for image in IMAGES.values()}


def locked_images(code: Path) -> list[ServingImage]:
    """Returns the images that a code folder has locks for; of a folder without any, the default image."""
    return [image for name, image in LOCKS.items() if (code / name).is_file()] or [IMAGES[DEFAULT_IMAGE]]


def read_requirements(code: Path, image: ServingImage) -> Requirements:
    """Returns what a code folder whose packages are included requires of an image; without the files, nothing.

    Raises:
        ArchiveError: A line is not a pin, or contradicts the image; or vendor.toml has other contents than it may have.
    """
    found = vendor_list.read_vendor_list(code / VENDOR_LIST, image)
    return Requirements(image, tuple(requirement_rules.included(code / REQUIREMENTS, image)), found)


def check_lock(code: Path, image: ServingImage) -> None:
    """Checks that a lock that is needed exists and is up to date with requirements.txt and vendor.toml.

    Raises:
        ArchiveError: The lock is missing or outdated.
    """
    requirements, lock = read_requirements(code, image), code / lock_name(image)
    if not requirements.pins and not lock.exists():
        return
    state = "is missing"
    if lock.exists():
        text = vendor_list.read_text(lock)
        brought = {canonicalize_name(name) for name in _LOCKED.findall(text)} & image.packages.keys()
        if text.startswith(requirements.first_line) and not brought:
            return
        state = "is outdated"
    beside = f" and {VENDOR_LIST}" if (code / VENDOR_LIST).exists() else ""
    chosen = "" if image.name == DEFAULT_IMAGE else f" --image {image.name}"
    raise ArchiveError(
        f"{lock} {state}, and the packages of {REQUIREMENTS}{beside} cannot be included without it; run "
        f'async-endpoint model lock --folder {code.parent}{chosen}, or set model.dependencies = "install".'
    )
