"""Finds pages that are upside down or sideways: a doubtful page is processed again in the other orientations.

A model reads an upside-down page as well as it can and returns wrong fields, each with some probability. Over the whole
page it shows: the mean probability of all tokens falls below nearly every upright page's (my_model/README.md has the
numbers). So the page is turned, and the orientation with the highest mean is kept. The mean is that of the logarithms
(a geometric mean), so that long results can be compared with short ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Sequence

if TYPE_CHECKING:
    from document_processor import RenderedPage
    from donut_model import Donut
    from greedy_decoder import Decoded

UPSIDE_DOWN = 180


@dataclass(frozen=True)
class Reading:
    """What the model returned for a page.

    Attributes:
        decoded: The tokens.
        certainty: Their mean probability, without those of the prompt.
        turned: Degrees clockwise by which the page was turned for it.
        passes: How often the page went through the network.
    """

    decoded: Decoded
    certainty: float
    turned: int = 0
    passes: int = 1


def certainty_of(decoded: Decoded, prompt_length: int) -> float:
    """Returns the geometric mean of the probabilities of the tokens after the prompt; 0 if there are none."""
    chances = decoded.log_probabilities[prompt_length:]
    return math.exp(sum(chances) / len(chances)) if chances else 0.0


def turn_page(model: Donut, page: RenderedPage, degrees: int) -> RenderedPage:
    """Returns a page turned clockwise by 180 degrees or, if it may be sideways, by 90 or 270."""
    if degrees == UPSIDE_DOWN:
        # The page is in the middle of its canvas, so turning the canvas turns the page.
        return replace(page, tensor=page.tensor.flip((-2, -1)))
    return replace(page, tensor=model.to_tensor(page.turned_images[degrees]))


def read_upright(
    model: Donut,
    pages: Sequence[RenderedPage],
    decode: Callable[[Sequence[RenderedPage]], Sequence[Decoded]],
    is_doubtful: Callable[[RenderedPage, float], bool],
    at_once: int,
) -> list[Reading]:
    """Processes pages, and those that are doubtful once more in their other orientations.

    Args:
        model: What the pages are prepared for.
        pages: At most `at_once`.
        decode: Returns the tokens of pages.
        is_doubtful: Whether a page of this certainty is to be turned.
        at_once: The most pages to decode together.
    """
    readings = [
        Reading(decoded, certainty_of(decoded, len(page.prompt))) for page, decoded in zip(pages, decode(pages))
    ]
    turns = [
        (index, degrees)
        for index, reading in enumerate(readings)
        if is_doubtful(pages[index], reading.certainty)
        for degrees in sorted((UPSIDE_DOWN, *pages[index].turned_images))
    ]
    for first in range(0, len(turns), at_once):
        together = turns[first : first + at_once]
        results = decode([turn_page(model, pages[index], degrees) for index, degrees in together])
        for (index, degrees), decoded in zip(together, results):
            best, certainty = readings[index], certainty_of(decoded, len(pages[index].prompt))
            if certainty > best.certainty:
                best = replace(best, decoded=decoded, certainty=certainty, turned=degrees)
            readings[index] = replace(best, passes=best.passes + 1)
    return readings
