"""A bounded wait for a change in AWS."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Deadline:
    """A time limit for a wait that polls; it starts when the object is created.

    Attributes:
        seconds: The limit.
        interval: Seconds between two polls.
        clock: A monotonic clock.
        sleep: Waits for a number of seconds.
    """

    seconds: float
    interval: float = 3.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_started", self.clock())

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self._started

    def pause(self) -> bool:
        """Waits until the next poll; returns False without waiting when the time is up."""
        remaining = self.seconds - self.elapsed
        if remaining <= 0:
            return False
        self.sleep(min(self.interval, remaining))
        return True
