"""Draws the pages of documents in a process of their own, so that no document can end the worker and its batch.

A document of a few kilobytes can take any time and memory to draw, or crash the library that draws it. Such a document
is rejected with a sentence, its process is replaced, and the batch continues with the next document.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Iterator

from PIL import Image

from drawing_launcher import END_SECONDS, DrawingProcess, Exit
from drawing_protocol import ConnectionBrokenError, OutOfTimeError
from page_canvas import QUARTER_TURNS, Canvas
from request_errors import TOO_LARGE, RequestError

if TYPE_CHECKING:
    from limits import Limits
    from request_parsing import InferenceRequest

_MOST_TEXT = 65_536
# Of errors, which are all that has a status.
_STATUSES = [status for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST]
# Of the allowed memory: a process that ended by a signal beyond this share ended for want of memory.
_MEMORY_USED_UP = 0.75

logger = logging.getLogger(__name__)


class BatchTime:
    """The time that drawing the documents of a batch may take.

    Half of it is reserved for all of them alike; the other half is for whichever needs it first. So documents that take
    for ever leave time to the others, and the batch ends before TorchServe stops the worker.

    Args:
        seconds: For all documents together.
        documents: How many there are.
    """

    def __init__(self, seconds: float, documents: int) -> None:
        self.left = seconds
        self._waiting = documents
        self._reserved = seconds / 2 / max(1, documents)

    def of_next_document(self, most: float) -> DocumentTime:
        """Returns the time of the next document, which is at most `most` seconds."""
        self._waiting -= 1
        # On a busy machine one document may overrun its time by more than what is left to the next.
        return DocumentTime(self, max(0.0, min(most, self.left - self._waiting * self._reserved)))


class DocumentTime:
    """The time that drawing one document may take. It passes only while the worker waits for the document."""

    def __init__(self, batch: BatchTime, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._batch = batch

    @contextlib.contextmanager
    def passing(self) -> Iterator[float]:
        """Lets time pass in its context; its value is the deadline on the monotonic clock."""
        began = time.monotonic()
        try:
            yield began + self._left
        finally:
            took = time.monotonic() - began
            self._left -= took
            self._batch.left -= took


@dataclass(frozen=True)
class DrawnPage:
    """A page on the model's canvas.

    Attributes:
        number: Its number in the document, from 1.
        image: Its pixels in RGB.
        turned_images: The same of the page turned, by the degrees, clockwise; where they were asked for, and only of a
            page whose longer side is not the canvas's. (A canvas turned by 180 degrees is that of the page turned so.)
        seconds: That drawing it took, with opening the document for the first page.
        blank: Whether there is nothing to see on it.
    """

    number: int
    image: Image.Image
    turned_images: dict[int, Image.Image]
    seconds: float
    blank: bool


class PageRenderer:
    """Renders pages. The process that draws them starts at once, and is kept from one document to the next.

    Raises:
        DrawingStartError: The system starts no process.
    """

    def __init__(self) -> None:
        self._process = DrawingProcess()

    def wait_until_ready(self) -> None:
        """Waits until pages can be drawn.

        Raises:
            DrawingStartError: The process that draws them does not start.
        """
        self._process.wait_until_ready()

    def pages(
        self, request: InferenceRequest, canvas: Canvas, allowed: DocumentTime, *, with_turns: bool = False
    ) -> Iterator[DrawnPage]:
        """Yields the requested pages, each drawn while the one before is in use.

        A process that ends on a document after others of them is not proof against it: only a fresh one's end is.

        Args:
            request: The document and the selection of its pages.
            canvas: The model's input.
            allowed: The time that it may take.
            with_turns: Whether pages that may lie on their side are wanted turned, too.

        Raises:
            RequestError: The document or a page is invalid or too large, took too much time or memory, or crashed the
                drawing process twice.
            DrawingStartError: No drawing process starts.
        """
        done, finished = 0, False
        earlier: Exit | None = None
        while not finished:
            process = self._usable_process()
            fresh = not process.used
            message = request_of(request, canvas, with_turns=with_turns, skip=done)
            try:
                for page in _drawn_by(process, message, request.body, allowed):
                    done += 1
                    yield page
                finished = True
            except OutOfTimeError:
                self._replace()
                if earlier is not None and _had_no_memory(earlier, request.limits):
                    # The first attempt took the time.
                    raise _too_much(earlier, request.limits) from None
                raise _too_slow(allowed.seconds, request.limits) from None
            except ConnectionBrokenError:
                earlier = self._replace(END_SECONDS)
                logger.warning("The drawing process ended on a document: %s.", earlier.reason)
                if fresh:
                    raise _too_much(earlier, request.limits) from None

    def _usable_process(self) -> DrawingProcess:
        if self._process.busy or not self._process.running:
            self._replace()
        self._process.wait_until_ready()
        return self._process

    def _replace(self, patience: float = 0) -> Exit:
        ended = self._process.end(patience)
        self._process = DrawingProcess()
        return ended


def request_of(request: InferenceRequest, canvas: Canvas, *, with_turns: bool = False, skip: int = 0) -> dict[str, Any]:
    """Returns the message that requests a document's pages.

    Args:
        request: The document and the selection of its pages.
        canvas: What the pages are fitted to.
        with_turns: Whether pages that may lie on their side are wanted turned, too.
        skip: How many of the selected pages, from the first, are not wanted.
    """
    return {
        "pages": request.pages,
        "limits": dataclasses.asdict(request.limits),
        "canvas": dataclasses.asdict(canvas),
        "with_turns": with_turns,
        "skip": skip,
    }


def _drawn_by(
    process: DrawingProcess, message: dict[str, Any], body: bytes, allowed: DocumentTime
) -> Iterator[DrawnPage]:
    """Yields the pages that a process draws; what it sends is checked, since the document may have taken it over."""
    canvas = Canvas(**message["canvas"])
    most_data = canvas.byte_count * (1 + len(QUARTER_TURNS))
    process.busy = process.used = True
    with allowed.passing() as deadline:
        process.connection.send(message, body, deadline)
    while True:
        with allowed.passing() as deadline:
            reply, pixels = process.connection.receive(_MOST_TEXT, most_data, deadline)
        if "page" not in reply:
            process.busy = False
            if "status" in reply:
                raise _error_of(reply)
            return
        yield _page_of(reply, pixels, canvas)


def _page_of(reply: dict[str, Any], pixels: bytearray, canvas: Canvas) -> DrawnPage:
    number, seconds, turns, blank = (reply.get(name) for name in ("page", "seconds", "turns", "blank"))
    if not isinstance(number, int) or not isinstance(seconds, float) or not isinstance(blank, bool):
        raise ConnectionBrokenError
    if turns not in ([], list(QUARTER_TURNS)):
        raise ConnectionBrokenError
    if not 0 <= seconds < float("inf") or len(pixels) != canvas.byte_count * (1 + len(turns)):
        raise ConnectionBrokenError
    image, *turned = (
        Image.frombytes("RGB", (canvas.width, canvas.height), bytes(pixels[first : first + canvas.byte_count]))
        for first in range(0, len(pixels), canvas.byte_count)
    )
    return DrawnPage(number, image, dict(zip(turns, turned)), seconds, blank)


def _error_of(reply: dict[str, Any]) -> RequestError:
    status, sentence = reply["status"], reply.get("sentence")
    if status not in _STATUSES or not isinstance(sentence, str):
        raise ConnectionBrokenError
    return RequestError(HTTPStatus(status), sentence)


def _too_slow(seconds: float, limits: Limits) -> RequestError:
    if seconds < limits.document_seconds:
        return RequestError(
            TOO_LARGE,
            f"The document takes more than the {seconds:.1f} seconds to draw that its batch left it: send it again, or "
            "raise the time that the model server allows for a batch.",
        )
    return RequestError(
        TOO_LARGE,
        f"The document takes more than {limits.document_seconds} seconds to draw: send a simpler one or fewer of its "
        "pages, or raise DOCUMENT_SECONDS.",
    )


def _had_no_memory(ended: Exit, limits: Limits) -> bool:
    return ended.out_of_memory or ended.megabytes >= _MEMORY_USED_UP * limits.document_megabytes


def _too_much(ended: Exit, limits: Limits) -> RequestError:
    if _had_no_memory(ended, limits):
        return RequestError(
            TOO_LARGE,
            f"The document needs more than {limits.document_megabytes} MB of memory to draw: send a smaller or simpler "
            "one, or raise DOCUMENT_MEMORY_MB.",
        )
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"Drawing the document ended its process ({ended.reason}): it is damaged, or needs far more than the "
        f"{limits.document_megabytes} MB of DOCUMENT_MEMORY_MB; save it anew with another program.",
    )
