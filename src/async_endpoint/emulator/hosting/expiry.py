"""Requests that no instance will have: expired in the queue, or left when their endpoint is deleted.

Each gets its outcome like any other, in a thread of its own: a long queue must not hold up the region's clock. Should
the local AWS end first, what has no outcome yet is handed back, to be kept.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Literal

from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.results import ResultWriter

logger = logging.getLogger(__name__)

_DELETED = "ClientError: The endpoint was deleted before the request was processed."


class RequestExpirer:
    """Ends the requests of one queue that are not to be processed; thread-safe."""

    def __init__(self, queue: RequestQueue) -> None:
        self._queue = queue
        self._lock = threading.Lock()
        self._ended = False
        self._threads: list[threading.Thread] = []

    def expire(self, now: float, results: ResultWriter) -> None:
        """Begin to expire what waited for longer than its RequestTTLSeconds; `now` in epoch seconds on AWS's clock.

        They are in flight until their outcome is written.
        """
        with self._lock:  # lest the queue is emptied in between by `end`'s caller
            if self._ended or not (expired := self._queue.take_expired(now)):
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._expire, args=(expired, results), name="expiry", daemon=True)
            self._threads.append(thread)
            thread.start()

    def fail(self, left: Sequence[QueuedRequest], results: ResultWriter) -> list[QueuedRequest]:
        """Fail what a deleted endpoint has left; returns those that have no outcome because the local AWS ended."""
        for index, item in enumerate(left):
            if self._ended:
                return list(left[index:])
            _fail(results, item, _DELETED)
        return []

    def wait(self) -> None:
        """Return when what expired until now has its outcome."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def end(self) -> None:
        """Begin nothing more, and return when what expired has its outcome or is back in the queue."""
        with self._lock:
            self._ended = True
        self.wait()

    def _expire(self, expired: Sequence[QueuedRequest], results: ResultWriter) -> None:
        for index, item in enumerate(expired):
            if self._ended:
                for waiting in reversed(expired[index:]):
                    self._queue.put_back(waiting)
                return
            reason = f"ClientError: The request expired after {item.request.request_ttl_seconds} seconds in the queue."
            _fail(results, item, reason, status="Expired")
            self._queue.done()


def _fail(
    results: ResultWriter, item: QueuedRequest, reason: str, *, status: Literal["Failed", "Expired"] = "Failed"
) -> None:
    """Write one failure; that it cannot be written is worth a line in the log, and no reason to leave the others."""
    try:
        results.failed(item, reason, reason.encode(), "text/plain", status=status)
    except Exception:
        logger.exception("the outcome of request %s could not be recorded", item.request.inference_id)
