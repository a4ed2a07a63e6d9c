"""When a metric's datapoints reach CloudWatch: later than their time, each publisher at its own pace, some never.

A datapoint keeps its timestamp; a reader sees it from its arrival on. Field reports put SageMaker's one-minute metrics
one to three minutes behind. AWS does not publish how late each publisher of a region is. `MetricStore` shows
alarms only what has arrived; the emulator's `metric_publisher` puts it into CloudWatch then. docs/evidence.md lists the
sources.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Protocol

from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey

LONGEST_DELAY = 3600  # seconds; readers look no further back for what may still arrive
_KEPT_DRAWS = 100_000


class Publisher(StrEnum):
    """Who publishes a metric; the datapoints of one publisher's minute arrive together."""

    QUEUE = "queue"  # the endpoint's backlog
    VARIANT = "variant"  # what the variant processed
    INSTANCES = "instances"  # the use of CPU, memory, disk and GPU
    SQS = "sqs"
    LAMBDA = "lambda"
    EVENTS = "events"


_OF_NAMESPACE = {"AWS/SQS": Publisher.SQS, "AWS/Lambda": Publisher.LAMBDA, "AWS/Events": Publisher.EVENTS}


def publisher_of(key: MetricKey) -> Publisher | None:
    """Returns a metric's publisher; None for metrics that clients put, which arrive at once."""
    if key.namespace in _OF_NAMESPACE:
        return _OF_NAMESPACE[key.namespace]
    if key.namespace.startswith("/aws/sagemaker/"):
        return Publisher.INSTANCES
    if key.namespace == "AWS/SageMaker":
        return Publisher.VARIANT if "VariantName" in dict(key.dimensions) else Publisher.QUEUE
    return None


class Delivery(Protocol):
    """When the datapoint of a metric's minute becomes visible."""

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """Returns the epoch second from which the datapoint of the minute that begins at `minute` is visible.

        None: never.
        """


class Punctual:
    """Every datapoint is visible when its minute has ended."""

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """See `Delivery.arrival`."""
        del key
        return minute + MINUTE


@dataclass(frozen=True)
class DelayRange:
    """Seconds from a minute's end to the arrival of its datapoint, drawn for each minute, both bounds included."""

    shortest: float
    longest: float

    def __post_init__(self) -> None:
        """Checks the range.

        Raises:
            ValueError: It begins before 0, ends before it begins, or exceeds an hour.
        """
        if not 0 <= self.shortest <= self.longest <= LONGEST_DELAY:
            raise ValueError(
                f"A delay is from 0 to {LONGEST_DELAY} seconds, and a range of delays does not end before it begins: "
                f"{self.shortest:g} to {self.longest:g} cannot be used."
            )


@dataclass(frozen=True)
class Delayed:
    """Delays and gaps that follow from a seed: the same seed, the same arrivals.

    Args:
        delays: The delay of each publisher; a publisher without one is punctual.
        gaps: The share of datapoints that never arrive, 0 to 1; drawn for each minute of each metric.
        seed: What delays and gaps are drawn from.
    """

    delays: Mapping[Publisher, DelayRange]
    gaps: float = 0.0
    seed: int = 0
    _drawn: dict[tuple[object, int], float] = field(default_factory=dict, repr=False, compare=False)

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """See `Delivery.arrival`."""
        publisher = publisher_of(key)
        if publisher is None:
            return minute + MINUTE
        if self.gaps and self._draw(key, minute) < self.gaps:
            return None
        delay = self.delays.get(publisher)
        if delay is None:
            return minute + MINUTE
        spread = delay.longest - delay.shortest
        late = delay.shortest + (spread * self._draw(publisher, minute) if spread else 0.0)
        return minute + MINUTE + late

    def _draw(self, subject: MetricKey | Publisher, minute: int) -> float:
        """Returns a number from 0 to below 1 that depends on the seed, the subject and the minute alone."""
        known = self._drawn.get((subject, minute))
        if known is None:
            text = f"({self.seed!r}, {_name(subject)}, {minute!r})"
            digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
            known = int.from_bytes(digest, "big") / 2**64
            if len(self._drawn) > _KEPT_DRAWS:
                self._drawn.clear()
            self._drawn[subject, minute] = known
        return known


@cache
def _name(subject: MetricKey | Publisher) -> str:
    """Returns what tells a subject's draws from those of others."""
    if isinstance(subject, MetricKey):
        return repr((subject.namespace, subject.name, sorted(subject.dimensions)))
    return repr(subject)
