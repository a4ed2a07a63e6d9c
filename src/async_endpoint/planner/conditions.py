"""What a plan assumes of AWS: the open questions, and what differs from account to account."""

from dataclasses import dataclass, field
from typing import Literal

from async_endpoint.cloudwatch import Delayed, DelayRange, Delivery, EvaluationRules, MetricKey, Publisher
from async_endpoint.planner.durations import Durations

_MOST_KNOWN = 10_000


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The conditions of a simulation; the defaults of what is open are those of the local AWS.

    Attributes:
        service: How long a request is processed.
        start: How long an instance takes from its launch until it serves.
        concurrency: Requests that an instance processes at a time; None for MaxConcurrentInvocationsPerInstance.
        metric_delay: How long after a minute's end its datapoints reach CloudWatch.
        metric_gaps: The share of datapoints that never reach it.
        backlog: Whether ApproximateBacklogSize counts requests in work (the documentation) or those that wait (field).
        backlog_per_instance_at_zero: Whether ApproximateBacklogSizePerInstance is missing at zero instances (field) or
            the whole backlog (documentation).
        intake_seconds: From a document's arrival until the function that submits looks whether the endpoint sleeps.
        rules: How alarms are evaluated.
        seed: What durations, delays and gaps are drawn from.
    """

    service: Durations
    start: Durations
    concurrency: int | None = None
    metric_delay: DelayRange = field(default_factory=lambda: DelayRange(60, 150))
    metric_gaps: float = 0.01
    backlog: Literal["in-flight", "queued"] = "in-flight"
    backlog_per_instance_at_zero: Literal["missing", "backlog"] = "missing"
    intake_seconds: float = 1.0
    rules: EvaluationRules = field(default_factory=EvaluationRules)
    seed: int = 0

    def delivery(self) -> Delivery:
        """Returns when datapoints reach CloudWatch."""
        return _KnownArrivals(Delayed(dict.fromkeys(Publisher, self.metric_delay), self.metric_gaps, self.seed))


class _KnownArrivals:
    """A delivery that asks another one once for each minute of a metric: alarms ask again at each minute."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._known: dict[MetricKey, dict[int, float | None]] = {}

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """See `Delivery.arrival`."""
        known = self._known.get(key)
        if known is None or len(known) > _MOST_KNOWN:
            known = self._known[key] = {}
        if minute not in known:
            known[minute] = self._delivery.arrival(key, minute)
        return known[minute]
