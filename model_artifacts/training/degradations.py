"""Damage of users' photographs beyond what training saw: what confidence is fitted and measured on.

Half of the pages are as the camera of training takes them (camera.py). The other half have one kind of `DEGRADATIONS`
each, at a strength of chance that begins about where training ends. Every page is saved as a JPEG again.
"""

from __future__ import annotations

import io
import random
from typing import Callable

import numpy as np
from PIL import Image, ImageFilter

from receipts import seed_of

OTHER_QUALITY = 92
JPEG_QUALITY = (20, 40)
# Not the seed itself, which drew the page: what happens to a page should not follow from what is on it.
SEED_STEP = 1 << 40


def _turn(picture: Image.Image, source: random.Random) -> Image.Image:
    degrees = source.choice((-1, 1)) * source.uniform(2, 5)
    return picture.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=picture.getpixel((0, 0)))


def _crop(picture: Image.Image, source: random.Random) -> Image.Image:
    """Cuts 2 to 6 % off one side; the model's canvas is padded where the page no longer fills it."""
    side, share = source.choice(("left", "upper", "right", "lower")), source.uniform(0.02, 0.06)
    across, down = round(share * picture.width), round(share * picture.height)
    return picture.crop(
        (
            across if side == "left" else 0,
            down if side == "upper" else 0,
            picture.width - (across if side == "right" else 0),
            picture.height - (down if side == "lower" else 0),
        )
    )


def _blur(picture: Image.Image, source: random.Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(source.uniform(0.5, 1.0)))


def _low_contrast(picture: Image.Image, source: random.Random) -> Image.Image:
    kept, grey = source.uniform(0.35, 0.7), source.uniform(90, 190)
    return picture.point([round(grey + kept * (value - grey)) for value in range(256)])


def _dark(picture: Image.Image, source: random.Random) -> Image.Image:
    light = source.uniform(0.5, 0.8)
    return picture.point([round(light * value) for value in range(256)])


def _noise(picture: Image.Image, source: random.Random) -> Image.Image:
    sensor = np.random.RandomState(source.getrandbits(32))
    noise = sensor.standard_normal((picture.height, picture.width)) * source.uniform(8, 16)
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


DEGRADATIONS: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "turn": _turn,
    "crop": _crop,
    "blur": _blur,
    "low contrast": _low_contrast,
    "dark": _dark,
    "noise": _noise,
    # The file's own quality, below.
    "JPEG": lambda picture, _: picture,
}


def degradations_of(purpose: str, index: int, *, heavy: bool = False) -> list[str]:
    """Returns the names of what a purpose's receipt number `index` suffers, in the order in which it happens.

    Args:
        purpose: A key of `receipts.SEEDS`.
        index: Counted from 0.
        heavy: Every page has two kinds, instead of one or none.
    """
    source = random.Random(seed_of(purpose, index) + SEED_STEP)  # noqa: S311 - pictures, not secrets
    count = 2 if heavy else source.randrange(2)
    chosen = source.sample(sorted(DEGRADATIONS), count)
    return [name for name in DEGRADATIONS if name in chosen]


def degrade(picture: Image.Image, purpose: str, index: int, *, heavy: bool = False) -> bytes:
    """Returns a purpose's receipt number `index`, degraded, as a JPEG file: the same every time.

    Args:
        picture: The receipt, mode L.
        purpose: A key of `receipts.SEEDS`.
        index: Counted from 0.
        heavy: As in `degradations_of`.
    """
    names = degradations_of(purpose, index, heavy=heavy)
    source = random.Random(seed_of(purpose, index) + 2 * SEED_STEP)  # noqa: S311 - pictures, not secrets
    for name in names:
        picture = DEGRADATIONS[name](picture, source)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=source.randint(*JPEG_QUALITY) if "JPEG" in names else OTHER_QUALITY)
    return written.getvalue()
