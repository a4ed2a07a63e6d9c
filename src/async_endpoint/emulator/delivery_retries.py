"""When EventBridge delivers an event again that an API destination did not accept, and when it gives up.

Sources: the EventBridge user guide, "API destinations" (status codes that are retried; a request may take 5 seconds)
and "How EventBridge retries delivering events" (24 hours and 185 times by default, with growing delays and jitter).
Open: the delays themselves; here they double from 15 seconds to 10 minutes, without jitter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

_DAY = 86_400
_MOST_RETRIES = 185
_FIRST_DELAY, _LONGEST_DELAY = 15.0, 600.0
_RETRIED = frozenset({401, 407, 409, 429})


def is_accepted(status: int) -> bool:
    """Returns whether a status means that the event is delivered."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def is_retried(status: int | None) -> bool:
    """Returns whether EventBridge tries again after a status; None for no response."""
    return status is None or status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class RetryPolicy:
    """The retry policy of a rule's target.

    Attributes:
        most_retries: How often a delivery is tried again.
        oldest_seconds: The age at which the event is given up.
    """

    most_retries: int = _MOST_RETRIES
    oldest_seconds: int = _DAY

    @classmethod
    def from_target(cls, target: Mapping[str, Any]) -> Self:
        """Reads a target."""
        policy = target.get("RetryPolicy") or {}
        return cls(
            most_retries=int(policy.get("MaximumRetryAttempts", _MOST_RETRIES)),
            oldest_seconds=int(policy.get("MaximumEventAgeInSeconds", _DAY)),
        )

    def delay(self, *, failures: int, age: float) -> float | None:
        """Returns how long to wait until the next try; None to give up.

        Args:
            failures: How many tries have failed.
            age: Seconds since the first.
        """
        seconds: float = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
        return None if failures > self.most_retries or age + seconds > self.oldest_seconds else seconds
