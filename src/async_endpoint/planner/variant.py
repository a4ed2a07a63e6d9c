"""The variant's instances in virtual time: they take a while to start, and finish their requests before they go."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from async_endpoint.autoscaling import CapacityError
from async_endpoint.planner.durations import Durations
from async_endpoint.planner.requests import Requests

# A container has this long between SIGTERM and SIGKILL:
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
DRAIN_SECONDS = 30.0


@dataclass
class Variant:
    """A CapacityPort over `Requests`; all its times are seconds from the beginning.

    A change in progress blocks the next one, as SageMaker does while an endpoint is Updating. All instances of a change
    start at once, each in its own time, and serve as soon as they are ready.

    Attributes:
        requests: What the instances process.
        concurrency: Requests that an instance processes at a time.
        start_seconds: How long an instance takes until it serves.
        source: The draws of the start times.
        now: Returns the present moment.
        first: How many served at the beginning.
        changes: Each change: when, and to how many instances.
        in_service: How many instances serve.
        service_changes: From the beginning on, each moment at which another number of them serves, and that number.
        instance_seconds: Of the instances that are gone, from launch to end.
        cut_off: Requests that still ran when their instance would have been killed.
        asleep_seconds: How long no instance existed, up to the last change.
    """

    requests: Requests
    concurrency: int
    start_seconds: Durations
    source: random.Random
    now: Callable[[], float]
    first: int = 0
    changes: list[tuple[float, int]] = field(default_factory=list)
    in_service: int = 0
    service_changes: list[tuple[float, int]] = field(default_factory=list)
    instance_seconds: float = 0.0
    cut_off: int = 0
    asleep_seconds: float = 0.0
    _desired: int = 0
    _launched: list[float] = field(default_factory=list)  # of instances that exist, oldest first
    _ready: list[float] = field(default_factory=list)  # when those that start will serve, ascending
    _drained: float = -math.inf  # when the last one that leaves is gone
    _asleep_since: float = 0.0

    def desired(self, resource_id: str) -> int:
        """See `CapacityPort.desired`."""
        del resource_id
        return self._desired

    def set_desired(self, resource_id: str, capacity: int) -> None:
        """See `CapacityPort.set_desired`."""
        if self.is_updating(resource_id):
            raise CapacityError("Cannot update in-progress endpoint.")
        now = self.now()
        self.changes.append((now, capacity))
        if capacity > self._desired:
            self.launch(capacity - self._desired)
        elif capacity < self._desired:
            self._take_out(self._desired - capacity, now)
        self._desired = capacity

    def is_updating(self, resource_id: str) -> bool:
        """See `CapacityPort.is_updating`."""
        del resource_id
        return bool(self._ready) or self.now() < self._drained

    def running(self, resource_id: str) -> int:
        """See `CapacityPort.running`."""
        del resource_id
        return self.in_service

    def failure(self, resource_id: str) -> str | None:
        """See `CapacityPort.failure`: no change fails here."""
        del resource_id
        return None

    @property
    def wanted(self) -> int:
        """The desired number of instances."""
        return self._desired

    @property
    def next_ready(self) -> float:
        """When the next starting instance serves; infinity if none starts."""
        return self._ready[0] if self._ready else math.inf

    def begin_with(self, count: int) -> None:
        """Has instances that serve from the beginning."""
        self.first = self._desired = self.in_service = count
        self.service_changes.append((0.0, count))
        self._launched = [0.0] * count
        self.requests.add_slots(count * self.concurrency, 0.0)

    def launch(self, count: int) -> None:
        """Starts instances."""
        now = self.now()
        if not self._launched:
            self.asleep_seconds += max(0.0, now - max(self._asleep_since, self._drained))
        self._launched += [now] * count
        self._ready = sorted(now + self.start_seconds.draw(self.source) for _ in range(count))

    def come_up(self, at: float) -> None:
        """Puts the instances into service that are ready at a moment."""
        while self._ready and self._ready[0] <= at:
            ready = self._ready.pop(0)
            self.requests.add_slots(self.concurrency, ready)
            self.in_service += 1
            self.service_changes.append((ready, self.in_service))

    def total_instance_seconds(self, until: float) -> float:
        """Returns the seconds of all instances up to a moment, from their launch to their end."""
        return self.instance_seconds + sum(until - launched for launched in self._launched)

    def total_asleep_seconds(self, until: float) -> float:
        """Returns the seconds without an instance up to a moment."""
        if self._launched:
            return self.asleep_seconds
        return self.asleep_seconds + max(0.0, until - max(self._asleep_since, self._drained))

    def _take_out(self, count: int, now: float) -> None:
        """Takes instances out of service: those with idle slots first. Which ones AWS takes is not published."""
        free = self.requests.remove_slots(count * self.concurrency, now)
        self.cut_off += sum(moment > now + DRAIN_SECONDS for moment in free)
        self.in_service -= count
        self.service_changes.append((now, self.in_service))
        ends = [max(free[first : first + self.concurrency]) for first in range(0, len(free), self.concurrency)]
        for end in ends:
            self.instance_seconds += end - self._launched.pop()
        self._drained = max(ends, default=now)
        if not self._launched:
            self._asleep_since = now
