"""The past that the console shows: endpoints over time, and the last documents."""

import base64
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from async_endpoint.cloudwatch.metric_key import MINUTE

HOURS_KEPT = 6
DOCUMENTS_KEPT = 50
RESULT_BYTES_KEPT = 2048
_MINUTES_KEPT = HOURS_KEPT * 60


@dataclass(frozen=True)
class Point:
    """One endpoint in one minute.

    Attributes:
        minute: When it began, in epoch seconds on AWS's clock.
        waiting: Waiting requests at the moment with the largest backlog, those in flight included.
        in_flight: Requests that instances processed at that moment.
        instances: Instances in service at the minute's end, or now.
        desired: Desired instances, likewise.
    """

    minute: int
    waiting: int
    in_flight: int
    instances: int
    desired: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A request with its outcome.

    Attributes:
        inference_id: The request's.
        endpoint: The endpoint's name.
        instance: The id of the instance that processed it; None if none did.
        status: Completed, Failed or Expired.
        seconds: How long the instance took, on the wall's clock; None if there was no instance.
        input_location: Where the document is; None when it came with the request.
        output_location: Where the result is, if there is one.
        failure_location: Where the failure is, if there is one.
        result: The result or the failure; the history keeps its first bytes.
        content_type: The result's.
        at: When the outcome was known, in epoch seconds on AWS's clock.
        result_size: How many bytes the whole result has; set by the history like the next one.
        number: Counts up over the region, and names the document in addresses.
    """

    inference_id: str
    endpoint: str
    instance: str | None
    status: str
    seconds: float | None
    input_location: str | None
    output_location: str | None
    failure_location: str | None
    result: bytes
    content_type: str | None
    at: float
    result_size: int = 0
    number: int = 0


class History:
    """A bounded memory, six hours of AWS's clock and fifty documents for each endpoint; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, deque[Point]] = {}
        self._documents: dict[str, deque[Document]] = {}
        self._count = 0
        self._instance_seconds: dict[str, float] = {}
        self._sampled: dict[str, tuple[float, int]] = {}  # by endpoint: when, and the instances then

    def state(self) -> dict[str, Any]:
        """Returns everything as plain JSON for `restore`."""
        with self._lock:
            return {
                "count": self._count,
                "instance_seconds": dict(self._instance_seconds),
                "series": {name: [list(astuple(point)) for point in kept] for name, kept in self._series.items()},
                "documents": {name: [_to_json(each) for each in kept] for name, kept in self._documents.items()},
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned; the time in which the local AWS did not run costs no instance seconds."""
        with self._lock:
            self._count = state["count"]
            self._instance_seconds = dict(state["instance_seconds"])
            self._series = {
                name: deque((Point(*numbers) for numbers in kept), maxlen=_MINUTES_KEPT)
                for name, kept in state["series"].items()
            }
            self._documents = {
                name: deque((_from_json(each) for each in kept), maxlen=DOCUMENTS_KEPT)
                for name, kept in state["documents"].items()
            }

    def sample(self, endpoint: str, at: float, *, waiting: int, in_flight: int, instances: int, desired: int) -> None:
        """Records an endpoint's state at a moment, in epoch seconds on AWS's clock; several make one minute."""
        minute = math.floor(at / MINUTE) * MINUTE
        point = Point(minute, waiting, in_flight, instances, desired)
        with self._lock:
            since, running = self._sampled.get(endpoint, (at, 0))
            before = self._instance_seconds.get(endpoint, 0.0)
            self._instance_seconds[endpoint] = before + running * (at - since)
            self._sampled[endpoint] = at, instances
            points = self._series.setdefault(endpoint, deque(maxlen=_MINUTES_KEPT))
            if points and points[-1].minute == minute:
                last = points.pop()
                if last.waiting + last.in_flight > waiting + in_flight:
                    point = replace(point, waiting=last.waiting, in_flight=last.in_flight)
            points.append(point)

    def add(self, document: Document) -> None:
        """Keeps a document, with a number of its own and the first bytes of its result."""
        beginning, size = document.result[:RESULT_BYTES_KEPT], len(document.result)
        with self._lock:
            self._count += 1
            kept = self._documents.setdefault(document.endpoint, deque(maxlen=DOCUMENTS_KEPT))
            kept.append(replace(document, number=self._count, result=beginning, result_size=size))

    def forget(self, endpoint: str) -> None:
        """Drops everything about a deleted endpoint; the numbers of its documents are not used again."""
        with self._lock:
            self._series.pop(endpoint, None)
            self._documents.pop(endpoint, None)
            self._sampled.pop(endpoint, None)
            self._instance_seconds.pop(endpoint, None)

    def instance_seconds(self, endpoint: str) -> float:
        """Returns how long the instances of an endpoint were in service, together, since it was created.

        In seconds on AWS's clock, counted from sample to sample: right to about ten seconds at each start and stop.
        """
        with self._lock:
            return self._instance_seconds.get(endpoint, 0.0)

    def series(self, endpoint: str, since: float = 0.0) -> list[Point]:
        """Returns an endpoint's minutes, oldest first, from the one that contains `since`."""
        with self._lock:
            return [point for point in self._series.get(endpoint, ()) if point.minute + MINUTE > since]

    def documents(self, endpoint: str, since: float = 0.0) -> list[Document]:
        """Returns an endpoint's documents since a moment, the latest first."""
        with self._lock:
            return [document for document in reversed(self._documents.get(endpoint, ())) if document.at >= since]

    def find(self, number: int) -> Document | None:
        """Returns the document of a number, while it is kept."""
        with self._lock:
            return next((d for kept in self._documents.values() for d in kept if d.number == number), None)


def _to_json(document: Document) -> dict[str, Any]:
    return asdict(document) | {"result": base64.b64encode(document.result).decode()}


def _from_json(members: Mapping[str, Any]) -> Document:
    return Document(**{**members, "result": base64.b64decode(members["result"])})
