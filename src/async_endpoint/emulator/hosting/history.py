"""What a region's page shows of the past: endpoints over time, and the documents that ended last."""

import math
import threading
from collections import deque
from dataclasses import dataclass, replace

from async_endpoint.cloudwatch.metric_key import MINUTE

HOURS_KEPT = 6
DOCUMENTS_KEPT = 50
ANSWER_BYTES_KEPT = 2048
_MINUTES_KEPT = HOURS_KEPT * 60


@dataclass(frozen=True)
class Point:
    """One endpoint in one minute.

    Attributes:
        minute: When it began, in epoch seconds on AWS's clock.
        waiting: The most requests that waited.
        in_flight: The most requests that instances processed_by on.
        instances: Instances in service at the minute's end, or now.
        desired: Instances asked for, likewise.
    """

    minute: int
    waiting: int
    in_flight: int
    instances: int
    desired: int


@dataclass(frozen=True)
class Document:
    """A request that has ended.

    Attributes:
        number: Counts up over the region; the name of the document in addresses.
        inference_id: The request's.
        endpoint: The endpoint's name.
        instance: The id of the instance that had it; None when none did.
        status: Completed, Failed or Expired.
        seconds: What the instance took for it, on the wall's clock; None when none had it.
        input_location: Where the document lies; None when it came with the request.
        output_location: Where the answer lies, if one does.
        failure_location: Where the failure lies, if one does.
        answer: The first bytes of the answer or of the failure.
        answer_size: How many bytes the whole of it has.
        content_type: The answer's.
        at: When it ended, in epoch seconds on AWS's clock.
    """

    number: int
    inference_id: str
    endpoint: str
    instance: str | None
    status: str
    seconds: float | None
    input_location: str | None
    output_location: str | None
    failure_location: str | None
    answer: bytes
    answer_size: int
    content_type: str | None
    at: float


class History:
    """A bounded memory, six hours of AWS's clock and fifty documents for each endpoint; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, deque[Point]] = {}
        self._documents: dict[str, deque[Document]] = {}
        self._count = 0

    def sample(self, endpoint: str, at: float, *, waiting: int, in_flight: int, instances: int, desired: int) -> None:
        """Take in what an endpoint is like at a moment, in epoch seconds on AWS's clock; several make one minute."""
        minute = math.floor(at / MINUTE) * MINUTE
        point = Point(minute, waiting, in_flight, instances, desired)
        with self._lock:
            points = self._series.setdefault(endpoint, deque(maxlen=_MINUTES_KEPT))
            if points and points[-1].minute == minute:
                last = points.pop()
                most = (max(last.waiting, waiting), max(last.in_flight, in_flight))
                point = replace(point, waiting=most[0], in_flight=most[1])
            points.append(point)

    def document(
        self,
        *,
        inference_id: str,
        endpoint: str,
        instance: str | None,
        status: str,
        seconds: float | None,
        input_location: str | None,
        output_location: str | None,
        failure_location: str | None,
        answer: bytes,
        content_type: str | None,
        at: float,
    ) -> None:
        """Keep a request that has ended; of its answer the first bytes. The members are those of `Document`."""
        with self._lock:
            self._count += 1
            kept = self._documents.setdefault(endpoint, deque(maxlen=DOCUMENTS_KEPT))
            kept.append(
                Document(
                    number=self._count,
                    inference_id=inference_id,
                    endpoint=endpoint,
                    instance=instance,
                    status=status,
                    seconds=seconds,
                    input_location=input_location,
                    output_location=output_location,
                    failure_location=failure_location,
                    answer=answer[:ANSWER_BYTES_KEPT],
                    answer_size=len(answer),
                    content_type=content_type,
                    at=at,
                )
            )

    def forget(self, endpoint: str) -> None:
        """Drop everything about an endpoint that is gone; numbers of documents are not given again."""
        with self._lock:
            self._series.pop(endpoint, None)
            self._documents.pop(endpoint, None)

    def series(self, endpoint: str, since: float = 0.0) -> list[Point]:
        """An endpoint's minutes, oldest first, from the one that `since` is in."""
        with self._lock:
            return [point for point in self._series.get(endpoint, ()) if point.minute + MINUTE > since]

    def documents(self, endpoint: str, since: float = 0.0) -> list[Document]:
        """An endpoint's documents, the one that ended last first, none of before `since`."""
        with self._lock:
            return [document for document in reversed(self._documents.get(endpoint, ())) if document.at >= since]

    def find(self, number: int) -> Document | None:
        """The document of a number, while it is kept."""
        with self._lock:
            return next((d for kept in self._documents.values() for d in kept if d.number == number), None)
