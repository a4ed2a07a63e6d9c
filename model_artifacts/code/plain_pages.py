"""Turns a decoded image into a page: upright, on white paper, eight bits a sample, in sRGB."""

from __future__ import annotations

from http import HTTPStatus

from PIL import Image, ImageOps

from colour_profiles import in_srgb
from grey_levels import in_eight_bits, is_deep
from request_errors import RequestError
from tiff_pages import BITS_PER_SAMPLE

_PNG = b"\x89PNG"
# IHDR is always the first chunk (PNG, 11.2.2): the depth and the colour type are at fixed places.
_PNG_DEPTH, _PNG_COLOUR = 24, 25
_PNG_GREY, _PNG_RGB = 0, 2
_BYTE = 8
# The modes in which Pillow opens colours of more than eight bits; their opacity is not among the colours.
_COLOURS = {"RGB": 3, "RGBA": 3, "RGBX": 3, "LA": 1, "CMYK": 4}
# A quarter of white: see grey_levels. A page of so little ink may be meant; 12 bits in 16 have a sixteenth.
_DARK, _FAINT = 64, 16


def plain(image: Image.Image, body: bytes, shorter_side: int) -> Image.Image:
    """Returns a page.

    Args:
        image: Any image that Pillow opened.
        body: Its file.
        shorter_side: Pixels of the shorter side that the page is needed at.

    Raises:
        RequestError: 422 where the file does not tell which value is white.
    """
    frame = image.tile[0][1] if image.format == "GIF" and image.tile else None
    image.load()
    if frame and tuple(frame) != (0, 0, *image.size):
        image = _on_white(image, frame)
    if _is_too_dark(image, body):
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"The image has {_bits(image, body)} bits a sample and uses only the lowest of them, so that its white "
            "level is unknown: scale its values to the whole range, or send it with 8 bits.",
        )
    # Pillow turns a TIFF by its own tag while loading.
    page = image if image.format == "TIFF" else ImageOps.exif_transpose(image)
    if is_deep(page):
        page = in_eight_bits(page, image)
    _correct_transparency(page, body)
    if page.mode[-1] in "Aa" or "transparency" in page.info:
        page = page.convert("RGBA")
    page = in_srgb(page, image.info.get("icc_profile"), shorter_side)
    if page.mode[-1] == "A":
        paper = Image.new("RGBA", page.size, "white")
        page = Image.alpha_composite(paper, page.convert("RGBA"))
    return page.convert("RGB")


def _is_too_dark(image: Image.Image, body: bytes) -> bool:
    """Whether colours of more than eight bits stay below a quarter of white, or a sixteenth of full ink.

    Opacity counts as one of them where it varies: its values tell the scale, unless all are the highest.
    """
    if image.mode not in _COLOURS or _bits(image, body) <= _BYTE:
        return False
    extrema = image.getextrema()
    colours, others = extrema[: _COLOURS[image.mode]], extrema[_COLOURS[image.mode] :]
    most = max(high for _, high in (*colours, *((low, high) for low, high in others if low < high)))
    return 0 < most < (_FAINT if image.mode == "CMYK" else _DARK)


def _on_white(image: Image.Image, frame: tuple[int, int, int, int]) -> Image.Image:
    """Returns a picture of a GIF that does not cover its screen on white: nothing is drawn around it (GIF89a, 20)."""
    page = Image.new("RGBA", image.size, "white")
    page.paste(image.convert("RGBA").crop(frame), frame[:2])
    return page


def _bits(image: Image.Image, body: bytes) -> int:
    """Returns the bits of a sample in the file."""
    if bytes(body[:4]) == _PNG:
        return body[_PNG_DEPTH]
    tags = getattr(image, "tag_v2", {})
    return max(tags.get(BITS_PER_SAMPLE, (_BYTE,)))


def _correct_transparency(page: Image.Image, body: bytes) -> None:
    """Scales the transparent colour of a PNG as Pillow scales its pixels; Pillow leaves it as it is in the file."""
    clear = page.info.get("transparency")
    if bytes(body[:4]) != _PNG or clear is None:
        return
    bits, colour = body[_PNG_DEPTH], body[_PNG_COLOUR]
    if colour == _PNG_GREY and bits in (2, 4) and isinstance(clear, int):
        page.info["transparency"] = clear * 255 // (2**bits - 1)
    elif colour == _PNG_RGB and bits > _BYTE:
        page.info["transparency"] = tuple(value >> _BYTE for value in clear)
