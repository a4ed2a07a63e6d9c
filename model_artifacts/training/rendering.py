"""Draws a receipt and photographs it: a small grey image from the fonts beside this file, with a camera's marks.

The receipt is drawn at twice its size, turned, scaled and moved, then brought down to the model's canvas, so that
strokes fall between pixels as they do in a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
import functools
from pathlib import Path
import random

from PIL import Image, ImageDraw, ImageFont

import camera
from receipts import Receipt, draw_content, seed_of

FONT_FOLDER = Path(__file__).resolve().parent / "fonts"
# fmt: off
FONT_FILES = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf",
    "Arimo-Regular.ttf", "Arimo-Bold.ttf", "Tinos-Regular.ttf", "Cousine-Regular.ttf",
    "Roboto-Regular.ttf", "JetBrainsMono-Regular.ttf", "NotoMono-Regular.ttf", "NotoSerif-Regular.ttf",
)
# Never trained on, nor validated: what these read like tells how the model takes to print it has not seen.
HELD_OUT_FONT_FILES = ("FiraCode-Regular.ttf", "OpenSans-Regular.ttf")
# fmt: on
IMAGE_WIDTH = 128
IMAGE_HEIGHT = 192
OVERSAMPLING = 2
MARGIN = 6
SMALLEST_GAP = 8
TOTAL_LABELS = ("TOTAL", "Total", "SUM", "TOTAL:")


@dataclass(frozen=True)
class Glyph:
    """A drawn character and the pixel of the canvas that its middle is at."""

    character: str
    x: float
    y: float


@dataclass(frozen=True)
class Page:
    """A photographed receipt.

    Attributes:
        receipt: What it says.
        image: Mode L, 128x192, the pixels of `jpeg`.
        jpeg: The photograph as a file: the same bytes every time with the same Pillow.
        glyphs: Every character on it but the spaces.
    """

    receipt: Receipt
    image: Image.Image
    jpeg: bytes
    glyphs: list[Glyph]


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
        return self._font.getlength(text)

    def write(self, text: str, x: float, y: float) -> None:
        self._draw.text((x, y), text, font=self._font, fill=self._ink)
        middle = y + self._font.size * 0.62
        left = 0.0
        for index, character in enumerate(text):
            right = self.width(text[: index + 1])
            if character != " ":
                self.glyphs.append(Glyph(character, x + (left + right) / 2, middle))
            left = right


def _lines(receipt: Receipt, total_label: str) -> list[tuple[str, str]]:
    """Returns the text on the left and on the right of each line."""
    return [(receipt.store, ""), (receipt.date, ""), *receipt.items, (total_label, receipt.total)]


def _fitting_font(name: str, size: int, lines: list[tuple[str, str]], room: float) -> ImageFont.FreeTypeFont:
    """Returns the font at the size, or the next smaller one at which the longest line fits."""
    while True:
        font = _font(name, size)
        gap = OVERSAMPLING * SMALLEST_GAP
        if max(font.getlength(left) + (gap + font.getlength(right) if right else 0) for left, right in lines) <= room:
            return font
        size -= 1


def render(receipt: Receipt, random_source: random.Random, fonts: tuple[str, ...], *, with_marks: bool = True) -> Page:
    """Draws a receipt with a font, a paper, an ink, margins and line spacing of chance, and photographs it.

    Args:
        receipt: Its content.
        random_source: Advanced by this call.
        fonts: File names below `fonts/` to choose from.
        with_marks: False leaves the camera's marks out (the first part of training).
    """
    width, height = OVERSAMPLING * IMAGE_WIDTH, OVERSAMPLING * IMAGE_HEIGHT
    paper = Image.new("L", (width, height), random_source.randint(215, 255))
    ink = random_source.randint(0, 70)
    lines = _lines(receipt, random_source.choice(TOTAL_LABELS))
    margin = OVERSAMPLING * MARGIN
    font = _fitting_font(random_source.choice(fonts), random_source.randint(24, 29), lines, width - 2 * margin)
    pen = _Pen(paper, font, ink)
    line_height = font.size + random_source.randint(7, 14)
    spare = height - 2 * margin - line_height * len(lines)
    y = margin + random_source.randint(0, max(0, spare))
    left, right = margin + random_source.randint(0, 4), width - margin - random_source.randint(0, 4)
    for index, (left_text, right_text) in enumerate(lines):
        is_last = index == len(lines) - 1
        y += min(random_source.randint(0, 8), max(0, height - margin - line_height - y)) if is_last else 0
        pen.write(left_text, left, y)
        if right_text:
            pen.write(right_text, max(right - pen.width(right_text), left + pen.width(left_text) + 8), y)
        y += line_height
    view = camera.draw_view(random_source) if with_marks else camera.STRAIGHT
    jpeg, image = camera.photograph(paper, view, OVERSAMPLING, random_source, with_marks=with_marks)
    glyphs = [Glyph(glyph.character, *view.place(glyph.x, glyph.y, paper.size, OVERSAMPLING)) for glyph in pen.glyphs]
    return Page(receipt, image, jpeg, glyphs)


def make_page(
    purpose: str,
    index: int,
    *,
    with_items: bool = True,
    with_marks: bool = True,
    fonts: tuple[str, ...] = FONT_FILES,
) -> Page:
    """Makes a purpose's receipt number `index`: the same content and pixels every time.

    Args:
        purpose: A key of `receipts.SEEDS`.
        index: Counted from 0.
        with_items: Whether line items stand on it.
        with_marks: Whether the camera leaves marks.
        fonts: File names below `fonts/` to choose from.
    """
    random_source = random.Random(seed_of(purpose, index))  # noqa: S311 - pictures, not secrets
    receipt = draw_content(purpose, random_source, with_items=with_items)
    return render(receipt, random_source, fonts, with_marks=with_marks)
