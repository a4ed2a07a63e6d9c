"""What a document is to the code that processes it, whatever its file's format."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from request_errors import RequestError

if TYPE_CHECKING:
    from PIL import Image

# Donut scales the shorter side to its canvas first: a thin strip would grow to gigabytes.
MOST_TIMES_LONGER = 25


class Document:
    """A file with pages, counted from 1. `close()` frees its memory."""

    page_count: int

    def page(self, number: int, shorter_side: int) -> Image.Image:
        """Returns a page in RGB, upright, white where it was transparent.

        Args:
            number: From 1 to `page_count`.
            shorter_side: Pixels that a page without pixels of its own (PDF) is drawn at.

        Raises:
            RequestError: The page is broken, too large or too thin, or its pixels cannot be known.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Frees the file."""


def check_shape(width: float, height: float, unit: str, where: str) -> None:
    """Rejects a page that is too thin.

    Raises:
        RequestError: 400.
    """
    if not 0 < max(width, height) <= MOST_TIMES_LONGER * min(width, height):
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            f"The image{where} is {width:g}x{height:g} {unit}: its longer side must be at most {MOST_TIMES_LONGER} "
            "times the shorter; crop it to the document.",
        )
