"""What a hand-held camera does to a receipt: a slight turn, uneven light, blur, noise and JPEG's artefacts."""

from __future__ import annotations

from dataclasses import dataclass
import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    import random

MOST_DEGREES = 2.0
SMALLEST_SCALE = 0.95
LARGEST_SCALE = 1.02
MOST_SHIFT = 4.0
MOST_BLUR = 0.65
MOST_NOISE = 7.0
DARKEST_SHADE = 0.6
JPEG_QUALITY = (45, 95)
CLEAN_QUALITY = 95


@dataclass(frozen=True)
class View:
    """Where the camera stood.

    Attributes:
        degrees: Turn about the middle, anticlockwise.
        scale: Size on the picture against the size on paper.
        shift: Right and down, in pixels of the paper.
    """

    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def _matrix(self) -> tuple[float, float, float, float]:
        angle = math.radians(self.degrees)
        return math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)

    def place(self, x: float, y: float, size: tuple[int, int], reduction: int) -> tuple[float, float]:
        """Returns where a point of the paper comes to lie on the picture, in the picture's pixels."""
        a, b, c, d = self._matrix()
        x, y = x - size[0] / 2, y - size[1] / 2
        return (
            (self.scale * (a * x + b * y) + size[0] / 2 + self.shift[0]) / reduction,
            (self.scale * (c * x + d * y) + size[1] / 2 + self.shift[1]) / reduction,
        )

    def look(self, paper: Image.Image) -> Image.Image:
        """Returns the paper as seen from here; beyond its edges is more of the same paper."""
        a, b, c, d = (value / self.scale for value in self._matrix())
        x, y = paper.width / 2 + self.shift[0], paper.height / 2 + self.shift[1]
        # Pillow asks for the way back: from a pixel of the picture to one of the paper. A turn's inverse is its mirror.
        back = (a, c, paper.width / 2 - a * x - c * y, b, d, paper.height / 2 - b * x - d * y)
        return paper.transform(
            paper.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR, fillcolor=paper.getpixel((0, 0))
        )


STRAIGHT = View()


def draw_view(random_source: random.Random) -> View:
    """Draws where a camera stood, so near that at most the paper's margins are out of the picture."""
    return View(
        random_source.uniform(-MOST_DEGREES, MOST_DEGREES),
        random_source.uniform(SMALLEST_SCALE, LARGEST_SCALE),
        (random_source.uniform(-MOST_SHIFT, MOST_SHIFT), random_source.uniform(-MOST_SHIFT, MOST_SHIFT)),
    )


def photograph(
    paper: Image.Image, view: View, reduction: int, random_source: random.Random, *, with_marks: bool
) -> tuple[bytes, Image.Image]:
    """Takes a picture of a paper.

    Args:
        paper: Mode L.
        view: The camera's position.
        reduction: How many times smaller the picture is than the paper, on each side.
        random_source: Advanced by this call.
        with_marks: Whether light, lens, sensor and file leave marks.

    Returns:
        The JPEG file, and the picture that is in it.
    """
    picture = (view.look(paper) if with_marks else paper).reduce(reduction)
    if with_marks:
        picture = picture.filter(ImageFilter.GaussianBlur(random_source.uniform(0, MOST_BLUR)))
        picture = _shade(picture, random_source)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=random_source.randint(*JPEG_QUALITY) if with_marks else CLEAN_QUALITY)
    image = Image.open(io.BytesIO(written.getvalue()))
    image.load()
    return written.getvalue(), image


def _shade(picture: Image.Image, random_source: random.Random) -> Image.Image:
    """Returns the picture under a light that falls off to one side, through a noisy sensor."""
    angle, depth = random_source.uniform(0, 2 * math.pi), random_source.uniform(0, 1 - DARKEST_SHADE)
    across = np.linspace(-0.5, 0.5, picture.width)[None, :] * math.cos(angle)
    down = np.linspace(-0.5, 0.5, picture.height)[:, None] * math.sin(angle)
    light = 1 - depth * (0.5 + (across + down) / (abs(math.cos(angle)) + abs(math.sin(angle))))
    sensor = np.random.RandomState(random_source.getrandbits(32))
    noise = sensor.standard_normal((picture.height, picture.width)) * random_source.uniform(0, MOST_NOISE)
    return Image.fromarray(np.clip(np.asarray(picture) * light + noise, 0, 255).astype(np.uint8))
