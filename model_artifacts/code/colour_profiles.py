"""Applies the ICC profile of an image where that changes the page visibly."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from typing import Any

# The colour space in a profile's header (ICC.1:2022, 7.2.6) that fits the mode of an image.
_SPACES = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}
_SPACE_AT = 16
# Levels of 255 that a profile must change some colour by: sRGB under another name stays below.
_VISIBLE = 8
# A picture that is this many times larger than the model's is brought down to half of that first: it is faster.
_TIMES_LARGER = 4
_RELATIVE_COLORIMETRIC = 1  # white paper stays white
_BLACK_POINT_COMPENSATION = 0x2000


def in_srgb(page: Image.Image, profile: bytes | None, shorter_side: int) -> Image.Image:
    """Returns a page in sRGB, smaller if it is much larger than needed; as it is where its profile does not matter.

    A profile that is broken, or of another colour space than the page, does not count.

    Args:
        page: Of eight bits.
        profile: The ICC profile of its file.
        shorter_side: Pixels of the shorter side that the page is needed at.
    """
    if not profile:
        return page
    has_alpha = page.mode in ("LA", "RGBA", "PA")
    if page.mode in ("P", "PA"):
        page = page.convert("RGBA" if has_alpha else "RGB")
    colour = {"LA": "L", "RGBA": "RGB", "RGBX": "RGB"}.get(page.mode, page.mode)
    if profile[_SPACE_AT : _SPACE_AT + 4] != _SPACES.get(colour):
        return page
    transform = _visible_transform(bytes(profile), colour)
    if transform is None:
        return page
    if min(page.size) >= _TIMES_LARGER * shorter_side:
        page = page.reduce(2 * min(page.size) // (_TIMES_LARGER * shorter_side))
    converted = transform.apply(page.convert(colour))
    if has_alpha:
        converted.putalpha(page.getchannel("A"))
    return converted


@lru_cache(maxsize=8)
def _visible_transform(profile: bytes, mode: str) -> Any:
    """Returns the transform from a profile to sRGB; None if it changes nothing visibly, or the profile is broken."""
    from PIL import ImageCms  # with the first profile

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=_RELATIVE_COLORIMETRIC,
            flags=_BLACK_POINT_COMPENSATION,
        )
        if mode == "CMYK":
            return transform
        sample = _every_colour(mode)
        change = np.asarray(transform.apply(sample)).astype(int) - np.asarray(sample.convert("RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform if np.abs(change).max() > _VISIBLE else None


def _every_colour(mode: str) -> Image.Image:
    """Returns an image of the greys, or of colours from all over the space."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3))
