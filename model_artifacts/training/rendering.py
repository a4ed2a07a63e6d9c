"""Draws a receipt as a small grey image, from the fonts beside this file only."""

from __future__ import annotations

from dataclasses import dataclass
import functools
import io
from pathlib import Path
import random

from PIL import Image, ImageDraw, ImageFont

from receipts import Receipt, draw_content, seed_of

FONT_FOLDER = Path(__file__).resolve().parent / "fonts"
FONT_FILES = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf")
IMAGE_SIDE = 128


@dataclass(frozen=True)
class Glyph:
    """A drawn character and the pixel its middle is at."""

    character: str
    x: float
    y: float


@dataclass(frozen=True)
class Page:
    """A drawn receipt.

    Attributes:
        receipt: What it says.
        image: Mode L, 128x128.
        glyphs: Every character on it but the spaces.
    """

    receipt: Receipt
    image: Image.Image
    glyphs: list[Glyph]

    def png_bytes(self) -> bytes:
        """Return the image as a PNG file: the same pixels everywhere, the same bytes with the same Pillow."""
        written = io.BytesIO()
        self.image.save(written, "PNG", optimize=True)
        return written.getvalue()


@functools.lru_cache(maxsize=None)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout: Pillow would use Raqm where it is installed, and pages would differ between machines.
    return ImageFont.truetype(str(FONT_FOLDER / name), size, layout_engine=ImageFont.Layout.BASIC)


class _Pen:
    """Writes text onto an image and remembers where each character went."""

    def __init__(self, image: Image.Image, font: ImageFont.FreeTypeFont, ink: int) -> None:
        self._draw = ImageDraw.Draw(image)
        self._font = font
        self._ink = ink
        self.glyphs: list[Glyph] = []

    def width(self, text: str) -> float:
        return self._draw.textlength(text, font=self._font)

    def write(self, text: str, x: float, y: float) -> None:
        self._draw.text((x, y), text, font=self._font, fill=self._ink)
        middle = y + self._font.size * 0.62
        for index, character in enumerate(text):
            if character != " ":
                left, right = self.width(text[:index]), self.width(text[: index + 1])
                self.glyphs.append(Glyph(character, x + (left + right) / 2, middle))


def render(receipt: Receipt, random_source: random.Random) -> Page:
    """Draw a receipt with a font, a paper, an ink, margins and line spacing of chance.

    Args:
        receipt: Its content.
        random_source: Advanced by this call.
    """
    image = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE), random_source.randint(225, 255))
    ink = random_source.randint(0, 60)
    size = random_source.choice([11, 12])
    pen = _Pen(image, _font(random_source.choice(FONT_FILES), size), ink)
    x, y = random_source.randint(2, 7), random_source.randint(1, 8)
    line_height = size + random_source.randint(4, 6)

    def write_right(text: str) -> None:
        pen.write(text, IMAGE_SIDE - 4 - random_source.randint(0, 3) - pen.width(text), y)

    for text in (receipt.store, receipt.date):
        pen.write(text, x, y)
        y += line_height
    for name, price in receipt.items:
        pen.write(name, x, y)
        write_right(price)
        y += line_height
    y += random_source.randint(0, 3)
    pen.write("TOTAL", x, y)
    write_right(receipt.total)
    return Page(receipt, image, pen.glyphs)


def make_page(purpose: str, index: int, *, with_items: bool = True) -> Page:
    """Make a purpose's receipt number `index`: the same content and pixels every time.

    Args:
        purpose: A key of `receipts.SEEDS`.
        index: Counted from 0.
        with_items: Whether line items may stand on it.
    """
    random_source = random.Random(seed_of(purpose, index))  # noqa: S311 - pictures, not secrets
    return render(draw_content(purpose, random_source, with_items=with_items), random_source)
