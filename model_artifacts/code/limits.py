"""The limits of a request's document, from the environment; a request beyond them is rejected."""

from __future__ import annotations

import os
from dataclasses import dataclass


class SettingError(Exception):
    """An environment variable has an invalid value; the message names it and the allowed values."""


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise SettingError(f"The environment variable {name} is {text!a}: set it to a whole number of 1 or more.")
    return int(text)


@dataclass(frozen=True)
class Limits:
    """The limits of one document.

    Attributes:
        pages: Pages of one request (MAX_PAGES, default 50).
        image_pixels: Pixels of one decoded image, 3 bytes each (MAX_IMAGE_PIXELS, default 50 million).
    """

    pages: int
    image_pixels: int

    @classmethod
    def from_environment(cls) -> Limits:
        """Reads the limits.

        Raises:
            SettingError: One is not a whole number of 1 or more.
        """
        return cls(_whole_number("MAX_PAGES", 50), _whole_number("MAX_IMAGE_PIXELS", 50_000_000))
