"""Measures an endpoint from outside: documents one after another, and all at once."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from statistics import mean, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from async_endpoint.client import AsyncEndpoint, Job

_PERCENT = 100
_ENOUGH_FOR_PERCENTILES = 2


@dataclass(frozen=True)
class Measured:
    """One phase.

    Attributes:
        seconds: From the first upload until the last result was found, on the client's clock.
        latencies: Of each document that has a result, the seconds from its submission until its result was found.
        failed: The errors of the others.
    """

    seconds: float
    latencies: Sequence[float]
    failed: Sequence[str] = field(default=())

    @property
    def documents(self) -> int:
        """How many were sent."""
        return len(self.latencies) + len(self.failed)

    def percentile(self, percent: int) -> float | None:
        """Returns a percentile of the latencies, from 1 to 99; None without results."""
        if len(self.latencies) < _ENOUGH_FOR_PERCENTILES:
            return self.latencies[0] if self.latencies else None
        return quantiles(self.latencies, n=_PERCENT, method="inclusive")[percent - 1]

    def to_json(self) -> dict[str, Any]:
        """Returns the numbers for JSON."""
        return {
            "documents": self.documents,
            "failed": len(self.failed),
            "seconds": round(self.seconds, 3),
            "documents_per_second": round(self.documents / self.seconds, 3) if self.seconds else None,
            "mean_seconds": round(mean(self.latencies), 3) if self.latencies else None,
            "p50_seconds": _rounded(self.percentile(50)),
            "p95_seconds": _rounded(self.percentile(95)),
        }


class Bench:
    """Sends documents through an endpoint and takes the time.

    Args:
        endpoint: The endpoint; its concurrency applies to `all_at_once`.
        documents: The documents, sent again from the first when there are too few.
        clock: Seconds on a monotonic clock.
    """

    def __init__(
        self, endpoint: AsyncEndpoint, documents: Sequence[Path], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._documents = documents
        self._clock = clock

    def one_after_another(self, count: int, on_done: Callable[[], None]) -> Measured:
        """Sends each document when the one before has its outcome.

        Raises:
            AsyncEndpointError: There is no such endpoint, or S3 cannot be read.
        """
        began = self._clock()
        jobs = []
        for document in self._first(count):
            jobs += self._endpoint.collect(self._endpoint.submit_many([document]))
            on_done()
        return _measured(self._clock() - began, jobs)

    def all_at_once(self, count: int, on_done: Callable[[], None]) -> Measured:
        """Sends all documents, then waits for their outcomes.

        Raises:
            AsyncEndpointError: As for `one_after_another`.
        """
        began = self._clock()
        submitted = self._endpoint.submit_many(self._first(count))
        jobs = self._endpoint.collect(submitted, on_done=lambda _: on_done())
        return _measured(self._clock() - began, jobs)

    def _first(self, count: int) -> Iterable[Path]:
        return itertools.islice(itertools.cycle(self._documents), count)


def _measured(seconds: float, jobs: Sequence[Job]) -> Measured:
    return Measured(
        seconds,
        [job.seconds for job in jobs if job.error is None and job.seconds is not None],
        [str(job.error) for job in jobs if job.error is not None],
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
