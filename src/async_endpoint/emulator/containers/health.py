"""Tells busy workers of a container from dead ones, which its /ping does not.

The model server itself answers /ping, and restarts a worker that cannot load the model for ever. Its log says which
workers have the model (`ModelLog`); this module decides for how long none may have it.
"""

import time
from collections.abc import Callable
from enum import Enum


class Health(Enum):
    """What happens to a request that the container gets now."""

    READY = "a worker has the model, and is free or at work"
    LOADING = "no worker has the model yet, or again"
    DEAD = "no worker has had the model for longer than its loading may take, or the container ended"


class Workers:
    """Judges a container's workers by what the model server logs about them.

    Args:
        load_seconds: How long a load may take.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, load_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._load_seconds = load_seconds
        self._clock = clock
        self._without_since: float | None = None

    def judge(self, *, have_model: bool) -> Health:
        """Returns the health by this and earlier calls; the time counts from the first one without a model."""
        if have_model:
            self._without_since = None
            return Health.READY
        now = self._clock()
        if self._without_since is None:
            self._without_since = now
        return Health.DEAD if now - self._without_since > self._load_seconds else Health.LOADING
