"""Tells pages on which there is nothing to see: the model invents fields for them, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# Levels of 255 between the darkest and the lightest pixel of a band, at the size that the model sees: the noise of a
# compressed picture of nothing, and less than the faintest print.
MOST_NOISE = 8
# A page is looked at strip by strip from its middle, where most pages have something: it is known after the first.
_STRIPS = 16


def is_blank(page: Image.Image, shorter_side: int) -> bool:
    """Whether a page is of one colour at the model's size, whatever its file holds.

    Args:
        page: In RGB.
        shorter_side: Pixels of the shorter side at the model's size.
    """
    width, height = page.size
    times = max(1, min(width, height) // shorter_side)
    step = times * max(1, height // times // _STRIPS)
    tops = sorted(range(0, height, step), key=lambda top: abs(2 * top + step - height))
    lows, highs = [255] * 3, [0] * 3
    for top in tops:
        seen = page.reduce(times, (0, top, width, min(top + step, height))).getextrema()
        lows = [min(low, found[0]) for low, found in zip(lows, seen)]
        highs = [max(high, found[1]) for high, found in zip(highs, seen)]
        if any(high - low > MOST_NOISE for low, high in zip(lows, highs)):
            return False
    return True
