"""Converts grey images of more than eight bits to eight, by the range of values in their own file.

Pillow by itself clips such values at 255: a page of 16 bits becomes white. The mode in which it opens them does not
tell the depth: a PNG of 16 bits is "I" in 9.4 and "I;16" from 10 on, and a TIFF of 12 bits is "I;16", too. So the range
is taken from the file: in a TIFF its SMinSampleValue and SMaxSampleValue, where it has them; else white is 2^bits - 1
in TIFF 6.0 (page 37) and in PNG, and for floating point TIFF 1.0 (Adobe's TIFF Technical Note 3).
Cameras and scanners of 10, 12 or 14 bits store their values in 16 as they are: a page that would be darker than a
quarter of white everywhere is taken for one of those.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from request_errors import RequestError
from tiff_pages import BITS_PER_SAMPLE, FLOATING, PHOTOMETRIC, SAMPLE_FORMAT, SIGNED, UNSIGNED

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_LEAST, _MOST = 340, 341  # SMinSampleValue, SMaxSampleValue
_WHITE_IS_ZERO = 0
_PNG_BITS = 16
_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
# libtiff hands values over in the machine's order, yet Pillow would swap those of a big-endian file once more.
_SWAPPED_TWICE = {"F;32BF": "F;32F", "I;16BS": "I;16S", "I;32BS": "I;32S", "I;32B": "I;32"}


def is_deep(image: Image.Image) -> bool:
    """Whether an image is grey and of more than eight bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def expect_order_of_libtiff(image: Any) -> None:
    """Corrects the byte order in which Pillow would read a compressed TIFF of 32 bits; before it is loaded."""
    for index, tile in enumerate(image.tile):
        arguments = tile[3]
        if tile[0] == "libtiff" and arguments[0] in _SWAPPED_TWICE:
            corrected = (_SWAPPED_TWICE[arguments[0]], *arguments[1:])
            image.tile[index] = tile._replace(args=corrected) if hasattr(tile, "_replace") else (*tile[:3], corrected)


def in_eight_bits(image: Image.Image, opened: Image.Image) -> Image.Image:
    """Returns a deep image with 0 for its black and 255 for its white; what is transparent becomes white.

    Args:
        image: It, loaded.
        opened: The image that it was made of, which still knows its file's format and tags; may be the same.

    Raises:
        RequestError: 422 where the file does not tell which value is white.
    """
    tags = opened.tag_v2 if opened.format == "TIFF" else {}
    values = np.asarray(image)
    kind = tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0]
    if kind == UNSIGNED and values.dtype == np.int32:
        # Pillow's "I" is signed: the upper half of 32 bits arrives below zero.
        values = values.view(np.uint32)
    elif kind == SIGNED and values.dtype == np.uint16:
        values = values.view(np.int16)
    black, white = _range(values, kind, tags)
    if kind == FLOATING:
        scaled = np.rint((values - black) * (255 / (white - black)))
    else:
        # So that 16 bits lose their lower byte, and all others as much: exact for both ways of making 16 out of 8.
        scaled = (values.astype(np.float64) - black) * (256 / (white - black + 1))
    grey = np.clip(scaled, 0, 255).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    if tags.get(PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    return Image.fromarray(grey)


def _range(values: NDArray[Any], kind: int, tags: Any) -> tuple[float, float]:
    """Returns the values of the two ends of the scale: usually black and white, 0 and 65535."""
    least, most = float(values.min()), float(values.max())
    declared = _declared(tags)
    if declared and np.isfinite([least, most]).all():
        return declared
    bits = tags.get(BITS_PER_SAMPLE, (_PNG_BITS,))[0]
    if kind == UNSIGNED:
        quarter = 2 ** (bits - 2)
        depth = bits if most >= quarter else next(depth for depth in _DEPTHS if most < 2**depth)
        return 0.0, float(2**depth - 1)
    if kind == FLOATING:
        if 0 <= least <= most <= 1:
            return 0.0, 1.0
        raise _unknown(f"has floating point values from {least:g} to {most:g}, not from 0 to 1")
    raise _unknown(f"has signed values of {bits} bits" if kind == SIGNED else f"has samples of the kind {kind}")


def _declared(tags: Any) -> tuple[float, float] | None:
    try:
        least, most = (float(np.ravel(tags[tag])[0]) for tag in (_LEAST, _MOST))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return (least, most) if np.isfinite([least, most]).all() and least < most else None


def _unknown(what: str) -> RequestError:
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The grey image {what}, whose white level is unknown: send it with 8 or 16 bits, unsigned.",
    )
