"""Fails requests that no instance will process: expired in the queue, or left when their endpoint is deleted.

They get their outcomes in a thread of their own, as a long queue must not delay the region's clock. If the local AWS
stops first, the requests without an outcome are returned, to be kept.
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
    """Fails the requests of one queue that will not be processed; thread-safe."""

    def __init__(self, queue: RequestQueue) -> None:
        self._queue = queue
        self._lock = threading.Lock()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def expire(self, now: float, results: ResultWriter) -> None:
        """Begins to expire the requests past their RequestTTLSeconds; `now` in epoch seconds on AWS's clock.

        They are in flight until their outcome is written.
        """
        with self._lock:  # else the caller of `stop` might empty the queue in between
            if self._stopped or not (expired := self._queue.take_expired(now)):
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._expire, args=(expired, results), name="expiry", daemon=True)
            self._threads.append(thread)
            thread.start()

    def fail(self, left: Sequence[QueuedRequest], results: ResultWriter) -> list[QueuedRequest]:
        """Fails the requests of a deleted endpoint; returns those without an outcome because the local AWS stopped."""
        for index, item in enumerate(left):
            if self._stopped:
                return list(left[index:])
            _fail(results, item, _DELETED)
        return []

    def wait(self) -> None:
        """Returns when every expired request has its outcome."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Begins nothing more; returns when every expired request has its outcome or is back in the queue."""
        with self._lock:
            self._stopped = True
        self.wait()

    def _expire(self, expired: Sequence[QueuedRequest], results: ResultWriter) -> None:
        for index, item in enumerate(expired):
            if self._stopped:
                for waiting in reversed(expired[index:]):
                    self._queue.put_back(waiting)
                return
            reason = f"ClientError: The request expired after {item.request.request_ttl_seconds} seconds in the queue."
            _fail(results, item, reason, status="Expired")
            self._queue.done()


def _fail(
    results: ResultWriter, item: QueuedRequest, reason: str, *, status: Literal["Failed", "Expired"] = "Failed"
) -> None:
    """Writes one failure; an error is logged, so that the other requests get their outcomes."""
    try:
        results.failed(item, reason, reason.encode(), "text/plain", status=status)
    except Exception:
        logger.exception("the outcome of request %s could not be recorded", item.request.inference_id)
