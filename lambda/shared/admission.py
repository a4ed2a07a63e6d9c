"""Asks for the next documents that wait for admission, the oldest first.

A document without room at the endpoint waits in the jobs table, and no message is left that would submit it. Three
functions ask for the next one when there is room: the one that records outcomes, the one that submits, and the
reconciler. To ask is to send the request for the job's attempt; the submitting function decides whether there is room.
So it may be done too often, but not too seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import AttemptRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from async_endpoint.protocol import JobRecord

_MOST = 100
# Several environments ask at the same moment: each takes some of the oldest, so that few are asked for twice.
_WINDOW = 50
# The index shows an outcome a fraction of a second after its record; before that, the request would find no room.
_SHOWN_SECONDS = 1
# Until the index shows that a job was submitted, it is asked for only after all others.
_REMEMBERED_SECONDS = 60.0
# A request takes about so long from here to the endpoint.
_UNDER_WAY_SECONDS = 5.0


class WaitingJobs(Protocol):
    """The jobs table."""

    def oldest_waiting(self, limit: int) -> Sequence[JobRecord]:
        """Returns jobs that wait for admission, the oldest first, up to `limit`."""


class AdmissionQueue(Protocol):
    """The queue for what is to be submitted at once."""

    def request_all(self, requests: Sequence[AttemptRequest], delay_seconds: int) -> None:
        """Sends requests for attempts, to be delivered after the delay."""

    def depth(self) -> int:
        """Returns about how many messages it holds, with those in flight and delayed."""


class Admitter:
    """Asks for waiting jobs, and remembers for a minute for which.

    Args:
        jobs: The jobs table. Its index lags, and a request takes seconds: without the memory the same oldest jobs would
            be asked for again and again.
        queue: Receives the requests.
        clock: Seconds on a monotonic clock.
        shuffle: Shuffles a list.
    """

    def __init__(
        self,
        jobs: WaitingJobs,
        queue: AdmissionQueue,
        clock: Callable[[], float],
        shuffle: Callable[[list[JobRecord]], None],
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._clock = clock
        self._shuffle = shuffle
        self._asked: dict[str, float] = {}

    def replace(self, count: int) -> int:
        """Asks for as many jobs as outcomes were recorded just now; returns for how many."""
        return self.ask(count, delay_seconds=_SHOWN_SECONDS)

    def ask(self, count: int, *, delay_seconds: int = 0) -> int:
        """Asks for up to `count` of the oldest waiting jobs, at most 100; returns for how many.

        Jobs that were asked for before come last, the longest ago first: their request may have found no room.
        """
        now, count = self._clock(), min(count, _MOST)
        self._asked = {job_id: at for job_id, at in self._asked.items() if now - at < _REMEMBERED_SECONDS}
        if count <= 0:
            return 0
        found = list(self._jobs.oldest_waiting(max(count, _WINDOW) + min(len(self._asked), _MOST)))
        self._shuffle(found)
        chosen = sorted(found, key=lambda job: self._asked.get(job.job_id, float("-inf")))[:count]
        if chosen:
            self._queue.request_all([AttemptRequest(job.job_id, job.attempt) for job in chosen], delay_seconds)
        self._asked |= {job.job_id: now for job in chosen}
        return len(chosen)

    def fill(self, room: int, *, in_hand: int) -> int:
        """Asks for as many jobs as there is room for, less those whose request is under way; returns for how many.

        This environment remembers its own requests, and the queue holds those of all: without its depth, each batch of
        requests could ask for several times as many, and urgent documents would wait behind them. The depth is an
        estimate, which may count messages that are done. So at least one job is asked for: a batch has at least one
        message, so requests do not multiply, and do not die out while there is room.

        Args:
            room: Documents for which there is room.
            in_hand: Requests of the batch that is being processed, which the queue counts as well.
        """
        now = self._clock()
        left = room - sum(now - at < _UNDER_WAY_SECONDS for at in self._asked.values())
        if left <= 0:
            return 0
        under_way = max(0, self._queue.depth() - in_hand)
        return self.ask(min(left, max(1, room - under_way)), delay_seconds=_SHOWN_SECONDS)
