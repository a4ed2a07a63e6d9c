"""What functions and rules do as CloudWatch metrics, on AWS's clock.

Sources: the Lambda developer guide, "Types of metrics for Lambda functions" (a throttled invocation counts as neither
invocation nor error; the timestamp is that of the invocation); the EventBridge user guide, "Monitoring Amazon
EventBridge" (FailedInvocations of a rule is published only if it is not 0). IteratorAge is in milliseconds, and of the
last record of a batch.
"""

from dataclasses import dataclass

from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore

_LAMBDA, _EVENTS = "AWS/Lambda", "AWS/Events"


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function, whatever invoked it.

    Attributes:
        function: The function's name.
        seconds: How long it ran, on the wall's clock.
        failed: Whether the function raised, timed out or could not start.
        throttled: Whether Lambda rejected it for its concurrency.
    """

    function: str
    seconds: float = 0.0
    failed: bool = False
    throttled: bool = False


class FunctionMetrics:
    """Records the invocations of functions and of rules' targets in one region."""

    def __init__(self, store: MetricStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def record_invocation(self, invocation: Invocation) -> None:
        """Records an invocation that has just ended.

        Its timestamp is its beginning, the function's seconds being real work that AWS's clock does not speed up; but
        at most a minute ago, because a minute is published soon after its end.
        """
        at = self._clock.now() - min(invocation.seconds, MINUTE)
        values = {"Throttles": float(invocation.throttled)}
        if not invocation.throttled:
            values |= {"Invocations": 1.0, "Errors": float(invocation.failed), "Duration": invocation.seconds * 1000}
        for metric, value in values.items():
            self._store.put(
                MetricKey.from_dimensions(_LAMBDA, metric, {"FunctionName": invocation.function}), value, at
            )

    def record_iterator_age(self, function: str, seconds: float) -> None:
        """Records how old the last record of a stream's batch is that is about to be delivered to a function."""
        key = MetricKey.from_dimensions(_LAMBDA, "IteratorAge", {"FunctionName": function})
        self._store.put(key, seconds * 1000, self._clock.now())

    def record_target(self, rule: str, *, failed: bool) -> None:
        """Records that a rule has invoked one of its targets, or has failed for good."""
        now = self._clock.now()
        for metric in ("Invocations", *(["FailedInvocations"] if failed else [])):
            self._store.put(MetricKey.from_dimensions(_EVENTS, metric, {"RuleName": rule}), 1.0, now)
