"""Admits documents to the endpoint: urgent ones at once, all others while there is room, in the order of arrival.

SageMaker's queue has no priorities, so it is kept short, and the documents wait in the jobs table. Nothing here counts
up or down: the room follows from the jobs that the table shows as SUBMITTED, so an error of the count ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import JobRecord, JobState, VariantCapacity, merge_records
from shared.observability import logger
from submit.lane_limit import LimitSettings, lane_limit, share_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol import Upload

# A request that is older was lost, or waits for an instance that does not come: it takes no room.
_COUNTED = timedelta(hours=1)
_KNOWN_SECONDS = 10.0
# The table's index shows a submission a fraction of a second after it.
_SHOWN_SECONDS = 1.0
_MOST_FILLED = 50


class LaneView(Protocol):
    """The endpoint, the jobs table and the intake queue, as the lane sees them."""

    def capacity(self) -> VariantCapacity:
        """Returns the endpoint's current capacity."""

    def outcomes_per_second(self) -> float:
        """Returns how many jobs have completed in a second lately."""

    def submitted(self, *, since: datetime, most: int) -> int:
        """Returns how many jobs are SUBMITTED since a moment, counting no further than `most`."""

    def anybody_waits(self) -> bool:
        """Returns whether a job waits for admission."""

    def queued(self) -> int:
        """Returns about how many messages the intake queue holds."""


class Fill(Protocol):
    """Asks for waiting jobs; implemented and documented by `shared.admission.Admitter.fill`."""

    def __call__(self, room: int, *, in_hand: int) -> int:
        """Asks for jobs; returns for how many."""


@dataclass
class _Batch:
    """What the lane knows while a batch is processed: what it may admit, and what it has."""

    room: int
    arrivals: int | None = None
    used: int = 0
    asked: int = 0
    put_aside: bool = False


class Lane:
    """Decides for each document whether there is room for it; `begin` and `end` enclose a batch.

    Args:
        view: What it looks at: at most four calls for a batch with documents that are not urgent.
        settings: The parts of the limit.
        urgent_prefix: How the keys of urgent documents begin.
        fill: Asks for as many waiting jobs as there is room for, and knows that the batch has requests in hand.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        view: LaneView,
        settings: LimitSettings,
        *,
        urgent_prefix: str,
        fill: Fill,
        clock: Callable[[], float],
    ) -> None:
        self._view = view
        self._settings = settings
        self._urgent_prefix = urgent_prefix
        self._fill = fill
        self._clock = clock
        self._batch: _Batch | None = None
        self._capacity = VariantCapacity(status=None, running=1)
        self._per_second = 0.0
        self._known_until = float("-inf")
        self._put_aside = 0
        self._submitted_at: list[float] = []

    def begin(self) -> None:
        """Begins a batch: what was known of the room is forgotten."""
        self._batch = None

    def admits(self, upload: Upload, *, asked: bool) -> bool:
        """Returns whether a document may be submitted now.

        Args:
            upload: The document.
            asked: Whether its attempt was asked for. A new document has no room while another waits.
        """
        if upload.key.startswith(self._urgent_prefix):
            return True
        batch = self._looked()
        batch.asked += asked
        if not asked and batch.arrivals is None:
            batch.arrivals = self._room_of_arrivals(batch.room)
        room = batch.room if asked else batch.arrivals or 0
        return batch.used < room

    def note_submitted(self) -> None:
        """Takes the room of a document that the endpoint has accepted, or may have."""
        self._submitted_at.append(self._clock())
        if self._batch:
            self._batch.used += 1

    def note_put_aside(self) -> None:
        """Notes that a document waits from now on."""
        self._put_aside += 1
        if self._batch:
            self._batch.put_aside = True

    def take_put_aside(self) -> int:
        """Returns how many documents were put aside since the last call."""
        count, self._put_aside = self._put_aside, 0
        return count

    def end(self) -> None:
        """Ends a batch: asks for waiting jobs if it leaves room. Raises nothing, because the batch is done."""
        if not self._batch or (left := self._batch.room - self._batch.used) <= 0:
            return
        if self._batch.arrivals == self._batch.room and not self._batch.put_aside:
            return  # nobody waits
        try:
            self._fill(min(left, _MOST_FILLED), in_hand=self._batch.asked)
        except Exception as error:  # noqa: BLE001 - the next outcome, the next batch or the reconciler asks again
            logger.warning("The next documents could not be asked for: %s: %s", type(error).__name__, error)

    def _looked(self) -> _Batch:
        """Returns the room of the batch, which is counted once."""
        if self._batch is None:
            limit = self._limit()
            since = datetime.fromtimestamp(self._clock(), UTC) - _COUNTED
            self._batch = _Batch(max(0, limit - self._view.submitted(since=since, most=limit)))
        return self._batch

    def _room_of_arrivals(self, room: int) -> int:
        if not room or self._view.anybody_waits():
            return 0
        if room >= self._settings.batch_size * self._settings.max_concurrency:
            return room
        share = share_of(room, self._settings, messages=self._view.queued())
        now = self._clock()
        self._submitted_at = [at for at in self._submitted_at if now - at < _SHOWN_SECONDS]
        return max(0, share - len(self._submitted_at)) if share < room else room

    def _limit(self) -> int:
        now = self._clock()
        if now >= self._known_until:
            try:
                self._capacity, self._per_second = self._view.capacity(), self._view.outcomes_per_second()
            except Exception as error:  # noqa: BLE001 - what was known last is near enough
                logger.warning("The limit of the lane is as before: %s: %s", type(error).__name__, error)
            self._known_until = now + _KNOWN_SECONDS
        sleeps = not (self._capacity.running or self._capacity.desired)
        messages = self._view.queued() if sleeps else 0
        return lane_limit(self._settings, self._capacity, messages=messages, per_second=self._per_second)


class OpenLane:
    """Admits every document: the setting is off."""

    def admits(self, upload: Upload, *, asked: bool) -> bool:
        """Returns True."""
        del upload, asked
        return True

    def note_submitted(self) -> None:
        """Does nothing."""

    def note_put_aside(self) -> None:
        """Does nothing."""


def put_aside(existing: JobRecord | None, waiting: JobRecord) -> JobRecord:
    """Returns a job without room: what `JobsTableWriter.change` makes of it.

    A job that was admitted once is left as it is: it has a claim, or its message is delivered again after an error.

    Args:
        existing: The job as it is, if there is one.
        waiting: From `record_waiting`.
    """
    if existing is None:
        return waiting
    is_new = existing.attempt > 1 and existing.claimed_until is None
    if existing.state is JobState.RECEIVED and existing.attempt == waiting.attempt and is_new:
        return merge_records(existing, waiting)
    return existing
