"""SageMaker's own queue in front of an asynchronous endpoint: it outlives every instance and every update."""

import threading
from collections import deque
from dataclasses import dataclass

from async_endpoint.emulator.output_config import OutputConfig
from async_endpoint.protocol.invocation import InvocationRequest


@dataclass(frozen=True)
class QueuedRequest:
    """An accepted request and where its outcome goes.

    Attributes:
        request: What the caller sent; its inference id is set.
        output_location: `s3://` URI of the answer.
        failure_location: `s3://` URI of the reason, should it fail; None without an S3FailurePath.
        received_at: When it was accepted, in epoch seconds on AWS's clock.
        output: The endpoint's output configuration at that moment.
        losses: How many instances broke down while they had it.
    """

    request: InvocationRequest
    output_location: str
    failure_location: str | None
    received_at: float
    output: OutputConfig
    losses: int = 0


class RequestQueue:
    """First in, first out; thread-safe. A request taken is in flight until `done` or `put_back`."""

    def __init__(self) -> None:
        self._waiting: deque[QueuedRequest] = deque()
        self._in_flight = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, request: QueuedRequest) -> bool:
        """Add a newly accepted request at the end; False, and nothing is added, when the queue is closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.append(request)
            self._changed.notify()
            return True

    def take(self, timeout: float) -> QueuedRequest | None:
        """The oldest request, now in flight; None when there was none for `timeout` seconds of the wall's clock."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout)
            if not self._waiting:
                return None
            self._in_flight += 1
            return self._waiting.popleft()

    def put_back(self, request: QueuedRequest) -> None:
        """Return a request whose instance was lost to the head of the queue."""
        with self._changed:
            self._in_flight -= 1
            self._waiting.appendleft(request)
            self._changed.notify()

    def done(self) -> None:
        """One request in flight has its outcome."""
        with self._changed:
            self._in_flight -= 1

    def close(self) -> list[QueuedRequest]:
        """Accept no more; hands over what waits, for good. To be called when nothing is in flight any more."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            return left

    def take_expired(self, now: float) -> list[QueuedRequest]:
        """Remove every waiting request that is older than its RequestTTLSeconds; `now` in epoch seconds on AWS's clock.

        They expire with no instance running, too; hence this and not only a check when one is taken.
        """
        with self._changed:
            expired = [item for item in self._waiting if now - item.received_at > item.request.request_ttl_seconds]
            if expired:
                gone = set(map(id, expired))
                self._waiting = deque(item for item in self._waiting if id(item) not in gone)
            return expired

    @property
    def backlog(self) -> int:
        """Requests waiting or in flight: what ApproximateBacklogSize counts by the documentation."""
        with self._changed:
            return len(self._waiting) + self._in_flight

    def oldest_received_at(self) -> float | None:
        """When the oldest waiting request was accepted; None with none waiting."""
        with self._changed:
            return min((item.received_at for item in self._waiting), default=None)
