"""Waking by submission and the watchdog, as the stage's functions do it."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from async_endpoint.cloudwatch import MetricKey, MetricStore
from async_endpoint.planner.requests import Requests
from async_endpoint.planner.stage_functions import Wake, Watchdog
from async_endpoint.planner.variant import Variant
from async_endpoint.protocol import ScalingBounds, hold_wake_alarm, instances_to_wake

# How long the function that submits relies on what it has found: AWAKE, BUSY, LEFT_ALONE.
_AWAKE_KNOWN, _BUSY_KNOWN, _LEFT_ALONE_KNOWN = 30.0, 5.0, 60.0
# How often the watchdog looks.
WATCHDOG_SECONDS = 300


@dataclass
class Waker:
    """Wakes a sleeping variant a moment after a request has arrived; times are seconds from the beginning."""

    wake: Wake
    variant: Variant
    requests: Requests
    endpoint: str
    store: MetricStore
    epoch: float
    delay: float
    bounds: Callable[[], tuple[int, int]]
    data_changed: Callable[[], None]
    _known_until: float = -math.inf

    def next_attempt(self, after: float) -> float:
        """Returns when the next attempt is made, after a moment; infinity while the variant is awake."""
        if self.variant.wanted:
            return math.inf
        # A batch within what was found just now makes none.
        first = max(after, self._known_until) - self.delay
        return self.requests.next_arrival(math.nextafter(first, math.inf)) + self.delay

    def went_to_sleep(self, at: float) -> None:
        """Notes that no instance is wanted any more: the last batch before may have found the endpoint awake."""
        arrivals = self.requests.arrivals
        index = bisect_right(arrivals, at - self.delay)
        if index:
            self._known_until = arrivals[index - 1] + self.delay + _AWAKE_KNOWN

    def attempt(self, at: float) -> None:
        """Wakes the variant, if nothing else changes it."""
        if self.variant.is_updating(""):
            self._known_until = at + _BUSY_KNOWN
            return
        minimum, maximum = self.bounds()
        wanted = instances_to_wake(
            ScalingBounds(minimum=minimum, maximum=maximum),
            waiting=self.requests.waiting(at),
            backlog_per_instance=self.wake.backlog_per_instance,
        )
        if not isinstance(wanted, int):
            self._known_until = at + _LEFT_ALONE_KNOWN
            return
        self.variant.set_desired("", wanted)
        hold_wake_alarm(
            _Datapoints(self.store),
            self.endpoint,
            now=datetime.fromtimestamp(self.epoch + at, UTC),
            seconds=self.wake.hold_seconds,
        )
        self.data_changed()


class _Datapoints:
    """The method of boto3's client of CloudWatch that holds the wake alarm."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - AWS's
        for datum in MetricData:
            dimensions = {each["Name"]: each["Value"] for each in datum["Dimensions"]}
            key = MetricKey.from_dimensions(Namespace, datum["MetricName"], dimensions)
            self._store.put(key, datum["Value"], datum["Timestamp"].timestamp())


@dataclass
class WatchdogRuns:
    """Looks every five minutes; stops instances that have run without work for too long, if it may.

    Like the function, it counts idle time from the last look that saw work, a change, or no more instances than the
    minimum.
    """

    watchdog: Watchdog
    variant: Variant
    bounds: Callable[[], tuple[int, int]]
    stops: int = 0
    _busy_at: float = 0.0
    _changes: int = field(default=0)

    def look(self, at: float, *, worked: bool) -> None:
        """Looks once; `worked` is whether a request waited, ran or ended since the last look."""
        minimum, _ = self.bounds()
        changed = self._changes != len(self.variant.changes)
        self._changes = len(self.variant.changes)
        if worked or changed or self.variant.is_updating("") or self.variant.wanted <= minimum:
            self._busy_at = at
        elif self.watchdog.stops and at - self._busy_at > self.watchdog.idle_seconds:
            self.variant.set_desired("", minimum)
            self.stops += 1
