"""SageMaker's own queue in front of an asynchronous endpoint; it outlives every instance and update."""

import base64
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.protocol.invocation import InvocationRequest

# Source: the developer guide on asynchronous inference.
MOST_REQUESTS = 120_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """An accepted request and where its outcome goes.

    Attributes:
        request: What the caller sent; its inference id is set.
        output_location: `s3://` URI of the result.
        failure_location: `s3://` URI of the failure, should it fail; None without an S3FailurePath.
        received_at: When it was accepted, in epoch seconds on AWS's clock: the queue's ages count from it.
        received_at_wall: The same moment on the wall's clock: what a notification says.
        output: The endpoint's output configuration at that moment.
        losses: How many instances were lost while they processed it.
    """

    request: InvocationRequest
    output_location: str
    failure_location: str | None
    received_at: float
    received_at_wall: float
    output: OutputConfig
    losses: int = 0

    def as_json(self) -> Json:
        """Returns the request as plain JSON, to be kept while the local AWS does not run."""
        request = asdict(self.request)
        if self.request.body is not None:
            request["body"] = base64.b64encode(self.request.body).decode("ascii")
        output = asdict(self.output) | {"included": sorted(self.output.included)}
        return {
            "request": {name: value for name, value in request.items() if value is not None},
            "output": output,
            "output_location": self.output_location,
            "failure_location": self.failure_location,
            "received_at": self.received_at,
            "received_at_wall": self.received_at_wall,
            "losses": self.losses,
        }

    @classmethod
    def from_json(cls, kept: Json) -> "QueuedRequest":
        """Returns the request that `as_json` wrote."""
        request, output = dict(kept["request"]), dict(kept["output"])
        if "body" in request:
            request["body"] = base64.b64decode(request["body"])
        return cls(
            InvocationRequest(**request),
            kept["output_location"],
            kept["failure_location"],
            kept["received_at"],
            kept.get("received_at_wall") or kept["received_at"],  # of a version that kept one clock
            OutputConfig(**{**output, "included": frozenset(output["included"])}),
            kept["losses"],
        )


class RequestQueue:
    """First in, first out; thread-safe. A request taken is in flight until `done` or `put_back`."""

    def __init__(self) -> None:
        self._waiting: deque[QueuedRequest] = deque()
        self._in_flight = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether it holds as many requests as SageMaker accepts for one endpoint."""
        return self.backlog >= MOST_REQUESTS

    def put(self, request: QueuedRequest) -> bool:
        """Appends a newly accepted request; returns False, and appends nothing, when the queue is closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.append(request)
            self._changed.notify()
            return True

    def take(self, timeout: float) -> QueuedRequest | None:
        """Returns the oldest request, now in flight; None if none came for `timeout` seconds of the wall's clock."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout)
            if not self._waiting:
                return None
            self._in_flight += 1
            return self._waiting.popleft()

    def wake(self) -> None:
        """Ends every `take` that waits, so that a consumer notices at once that it was stopped."""
        with self._changed:
            self._changed.notify_all()

    def restore(self, kept: Iterable[QueuedRequest]) -> None:
        """Puts the requests of an earlier process at the head, in their order."""
        with self._changed:
            self._waiting.extendleft(reversed(list(kept)))
            self._changed.notify_all()

    def head(self) -> QueuedRequest | None:
        """Returns the request that `take` would return next; it stays in the queue."""
        with self._changed:
            return self._waiting[0] if self._waiting else None

    def put_back(self, request: QueuedRequest) -> None:
        """Returns a request whose instance was lost to the head of the queue."""
        with self._changed:
            self._in_flight -= 1
            self._waiting.appendleft(request)
            self._changed.notify()

    def done(self) -> None:
        """Records that a request in flight has its outcome."""
        with self._changed:
            self._in_flight -= 1

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        with self._changed:
            return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """The number of requests that instances process."""
        with self._changed:
            return self._in_flight

    def waiting_requests(self, count: int) -> list[QueuedRequest]:
        """Returns the first `count` waiting requests, oldest first."""
        with self._changed:
            return [self._waiting[index] for index in range(min(count, len(self._waiting)))]

    def close(self) -> list[QueuedRequest]:
        """Accepts no more; removes and returns the waiting requests. To be called when none is in flight any more."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            return left

    def take_expired(self, now: float) -> list[QueuedRequest]:
        """Takes every waiting request that is older than its RequestTTLSeconds; `now` in epoch seconds on AWS's clock.

        Each is in flight until `done` or `put_back`. Requests also expire while no instance runs; a check when one is
        taken would not be enough.
        """
        with self._changed:
            expired = [item for item in self._waiting if now - item.received_at > item.request.request_ttl_seconds]
            if expired:
                gone = set(map(id, expired))
                self._waiting = deque(item for item in self._waiting if id(item) not in gone)
                self._in_flight += len(expired)
            return expired

    @property
    def backlog(self) -> int:
        """The number of requests waiting or in flight: ApproximateBacklogSize by the documentation."""
        with self._changed:
            return len(self._waiting) + self._in_flight

    def oldest_received_at(self) -> float | None:
        """Returns when the oldest waiting request was accepted; None if none waits."""
        with self._changed:
            return min((item.received_at for item in self._waiting), default=None)
