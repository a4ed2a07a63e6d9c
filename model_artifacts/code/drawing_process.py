"""The program of a drawing process: opens documents and draws their pages for a worker, which it must not end.

    python drawing_process.py PARENT

PARENT is the worker's process id; standard input is a socket to the worker. For each document the worker sends one
message (page_rendering.py, `request_of`), with the file as its bytes. The replies are a message for each page, with
its pixels in RGB on the model's canvas, and one at the end (`replies_to`); or, at any point, one with an error's status
and sentence.

A page is drawn while the worker is busy with those before it, as far as the socket takes their pixels. The process
imports no torch, ends with its worker, and writes no core dump; page_rendering.py starts it with no other open file
and few environment variables. It cannot take more memory than the request allows: where Python then runs out of memory
it ends with the status OUT_OF_MEMORY, and where a library does, by that library's signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Iterator

from PIL import Image

from blank_pages import is_blank
from documents import open_document
from drawing_protocol import OUT_OF_MEMORY, Connection, ConnectionBrokenError
from limits import Limits
from page_canvas import Canvas
from request_errors import RequestError, failure
from request_parsing import page_numbers

_PR_SET_PDEATHSIG = 1
_MEGABYTE = 2**20

logger = logging.getLogger(__name__)


def replies_to(request: dict[str, Any], body: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yields the replies to a request, each with its bytes.

    `{"page": 3, "seconds": 0.01, "turns": [90, 270], "blank": false}` has the pixels of page 3, and after them those of
    the same page turned clockwise by so many degrees each; `{"end": true}` is the last one.

    Args:
        request: What `page_rendering.request_of` returned.
        body: The file.

    Raises:
        RequestError: From `documents.open_document`, `Document.page` or `request_parsing.page_numbers`.
    """
    limits, canvas = Limits(**request["limits"]), Canvas(**request["canvas"])
    began = time.monotonic()
    document = open_document(body, limits)
    try:
        for number in page_numbers(request["pages"], document.page_count, limits)[request["skip"] :]:
            page = document.page(number, canvas.shorter_side)
            turns = canvas.turns_of(page) if request["with_turns"] else []
            pixels = b"".join(canvas.fit(page, rotation).tobytes() for rotation in (0, *turns))
            blank = is_blank(page, canvas.shorter_side)
            yield {"page": number, "seconds": time.monotonic() - began, "turns": turns, "blank": blank}, pixels
            began = time.monotonic()
    finally:
        document.close()
    yield {"end": True}, b""


def _serve(connection: Connection) -> None:
    while True:
        request, body = connection.receive()
        _limit_memory(request["limits"]["document_megabytes"])
        try:
            for message, pixels in replies_to(request, bytes(body)):
                connection.send(message, pixels)
        except RequestError as error:
            if _is_of_memory(error):
                raise MemoryError from None
            connection.send({"status": error.status_code, "sentence": str(error)})
        except (ConnectionBrokenError, MemoryError):
            raise
        except Exception as error:
            logger.exception("A document could not be drawn.")
            unexpected = failure(error)
            connection.send({"status": unexpected.status_code, "sentence": str(unexpected)})
        del body


def _is_of_memory(error: BaseException | None) -> bool:
    """Whether an error arose while a lack of memory was handled: Pillow's is taken for a broken file's."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__context__
    return False


def _limit_memory(megabytes: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _confine(parent: int) -> None:
    """Makes the process end with its worker, and keeps what happens to it from the instance."""
    # Sent when the thread that started the process ends: TorchServe's workers have one thread.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()
    # One byte is less than any dump, and the one limit that Linux also obeys where dumps go to a program.
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    # Should the instance itself run out of memory, Linux ends this process rather than the worker.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _load_libraries() -> None:
    """Imports what documents.py imports late, since this process starts while the model loads."""
    Image.init()
    for name in ("pypdfium2", "simplejpeg"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def main() -> None:
    """Serves the worker until it ends."""
    _confine(int(sys.argv[1]))
    faulthandler.enable()
    logging.basicConfig(format="drawing process: %(message)s")
    with socket.socket(fileno=0) as end:
        connection = Connection(end)
        try:
            _load_libraries()
            connection.send({"ready": True})
            _serve(connection)
        except ConnectionBrokenError:
            return
        except MemoryError:
            # No clean-up: it would need memory.
            os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
