"""AWS's clock, passed in everywhere so that the same logic runs on the wall's time, faster, or in virtual time."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of the time on AWS's clock."""

    def now(self) -> float:
        """Returns seconds since the epoch."""
        ...


class ScaledClock(Clock, Protocol):
    """AWS's clock, and how fast it runs."""

    @property
    def speed(self) -> float:
        """How many times faster than the wall's."""


class SystemClock:
    """A clock that starts at the wall's time and runs `speed` times as fast from then on.

    It counts on the monotonic clock, so a correction of the wall's time moves nothing. A clock that continues another
    one, which may have run ahead of the wall, starts where the other stopped: `not_before`, in epoch seconds.

    Raises:
        ValueError: `speed` is not above zero.
    """

    def __init__(self, speed: float = 1.0, not_before: float = 0.0) -> None:
        if not speed > 0:
            raise ValueError(f"A clock's speed must be above 0, not {speed}; 1 is real time, 60 a minute each second.")
        self.speed = speed
        self._started_at = max(time.time(), not_before)
        self._wall_started_at = time.time()
        self._started_counting = time.monotonic()

    def now(self) -> float:
        """Returns seconds since the epoch, on this clock."""
        return self._started_at + (time.monotonic() - self._started_counting) * self.speed

    def since(self, wall: float) -> float:
        """Returns how many seconds of this clock have passed since a moment of the wall's time, in epoch seconds.

        What passed before this clock started counts as it was on the wall: an earlier clock's speed is not known.
        """
        passed = (time.monotonic() - self._started_counting) * self.speed
        before = self._wall_started_at - wall
        return passed + (before if before > 0 else before * self.speed)

    def wall_seconds(self, aws_seconds: float) -> float:
        """Returns how many of the wall's seconds pass while `aws_seconds` pass on this clock."""
        return aws_seconds / self.speed


class ManualClock:
    """A clock that moves only by `advance`, in epoch seconds."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Returns seconds since the epoch, on this clock."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves forward.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"A clock cannot go back, so it cannot advance by {seconds} seconds.")
        self._now += seconds
