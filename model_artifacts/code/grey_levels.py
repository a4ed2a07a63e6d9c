"""Converts grey images of more than eight bits to eight, by the depth in their own file.

Pillow by itself clips such values at 255: a page of 16 bits becomes white. The mode in which it opens them does not
tell the depth: a PNG of 16 bits is "I" in 9.4 and "I;16" from 10 on, and a TIFF of 12 bits is "I;16", too. So the depth
is taken from the file.
White is 2^bits - 1 in TIFF 6.0 (page 37) and in PNG; for floating point TIFF it is 1.0 (Adobe's TIFF Technical Note 3).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from request_errors import RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED, _FLOATING = 1, 2, 3
_PNG_BITS = 16


def is_deep(image: Image.Image) -> bool:
    """Whether an image is grey and of more than eight bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def in_eight_bits(image: Image.Image, opened: Image.Image) -> Image.Image:
    """Returns a deep image with 0 for its black and 255 for its white; what is transparent becomes white.

    Args:
        image: It, loaded.
        opened: The image that it was made of, which still knows its file's format and tags; may be the same.

    Raises:
        RequestError: 422 where the file does not tell which value is white.
    """
    tags = opened.tag_v2 if opened.format == "TIFF" else {}
    kind = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0]
    bits = tags.get(_BITS_PER_SAMPLE, (_PNG_BITS,))[0]
    values = np.asarray(image)
    if kind == _FLOATING:
        grey = _of_floats(values)
    elif kind == _UNSIGNED:
        # Pillow's "I" is signed: the upper half of 32 bits arrives below zero.
        unsigned = values.view(np.uint32) if values.dtype == np.int32 else values
        grey = (unsigned >> (bits - 8)).astype(np.uint8)
    else:
        raise _unknown(f"has signed values of {bits} bits" if kind == _SIGNED else f"has samples of the kind {kind}")
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    return Image.fromarray(grey)


def _of_floats(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    least, most = float(values.min()), float(values.max())
    if not 0 <= least <= most <= 1:
        raise _unknown(f"has floating point values from {least:g} to {most:g}, not from 0 to 1")
    return np.rint(values * 255).astype(np.uint8)


def _unknown(what: str) -> RequestError:
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The grey image {what}, whose white level is unknown: send it with 8 or 16 bits, unsigned.",
    )
