"""How much of a document one request may hold, from the environment; everything beyond is refused with a sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass


class SettingError(Exception):
    """An environment variable holds what it cannot; the message says which, and what it takes."""


def _whole_number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise SettingError(f"The environment variable {name} is {text!a}: set it to a whole number of 1 or more.")
    return int(text)


@dataclass(frozen=True)
class Limits:
    """What one document may hold.

    Attributes:
        pages: Pages that are read of one document (MAX_PAGES, 50 where it is not set).
        image_pixels: Pixels of one image once it is unpacked, 3 bytes each (MAX_IMAGE_PIXELS, 50 million).
    """

    pages: int
    image_pixels: int

    @classmethod
    def of_environment(cls) -> Limits:
        """Read the limits.

        Raises:
            SettingError: One is not a whole number of 1 or more.
        """
        return cls(_whole_number("MAX_PAGES", 50), _whole_number("MAX_IMAGE_PIXELS", 50_000_000))
