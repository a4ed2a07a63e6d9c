"""The state of an alarm at one moment, by CloudWatch's documented rules.

Source of the rules: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
data". Each evaluation reads the whole range again, as far as its datapoints have arrived.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from async_endpoint.cloudwatch import alarm_reasons
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metrics import Datapoint, MetricStore

_DEFAULT_RULES = EvaluationRules()


@dataclass(frozen=True)
class Evaluation:
    """An alarm's state at the epoch second `at`; `received` are the existing datapoints evaluated, newest first."""

    alarm: MetricAlarm
    state: State
    at: float
    received: tuple[Datapoint, ...]

    @classmethod
    def from_reported_state(cls, alarm: MetricAlarm, state: State, values: Sequence[float], at: float) -> Self:
        """Returns the evaluation of a state that a client reports, with its datapoints, oldest first, up to now."""
        period = alarm.query.period
        starts = range(math.ceil(at) - len(values) * period, math.ceil(at), period)
        points = tuple(Datapoint(start, float(value)) for start, value in zip(starts, values, strict=True))
        return cls(alarm, state, at, tuple(reversed(points)))

    @property
    def deciding(self) -> tuple[Datapoint, ...]:
        """Returns the datapoints that decide the state: breaching ones in ALARM, others in OK; newest first."""
        if self.state == "INSUFFICIENT_DATA":
            return ()
        return tuple(point for point in self.received if _breaches(self.alarm, point) == (self.state == "ALARM"))

    @property
    def values(self) -> tuple[float, ...]:
        """Returns the deciding datapoints' values, newest first; none where missing data alone decided."""
        return tuple(point.value for point in self.deciding if point.value is not None)

    @property
    def seen_until(self) -> float:
        """Returns the end of the newest datapoint's period, in epoch seconds; minus infinity without one."""
        return self.received[0].start + self.alarm.query.period if self.received else -math.inf

    @property
    def reason(self) -> str:
        """Returns StateReason."""
        return alarm_reasons.reason(self.alarm, self.state, self.deciding, received=len(self.received))

    @property
    def reason_data(self) -> str:
        """Returns StateReasonData, which is JSON text."""
        return alarm_reasons.reason_data(self.alarm, self.at, self.received)


def evaluate(
    alarm: MetricAlarm,
    store: MetricStore,
    now: float,
    state: State = "INSUFFICIENT_DATA",
    rules: EvaluationRules = _DEFAULT_RULES,
) -> Evaluation:
    """Evaluates an alarm at the epoch second `now`; `state` is its present one, which `ignore` may retain.

    More datapoints are read than the alarm has evaluation periods, in case some are missing.
    """
    window = alarm.query.datapoints(store, now, alarm.evaluation_periods + rules.extra_datapoints, rules)
    received = tuple(point for point in reversed(window) if point.value is not None)[: alarm.evaluation_periods]
    breaching = sum(_breaches(alarm, point) for point in received)
    return Evaluation(alarm, _state(alarm, window, breaching, len(received) - breaching, state), now, received)


def _breaches(alarm: MetricAlarm, point: Datapoint) -> bool:
    return point.value is not None and alarm.breaches(point.value)


def _state(alarm: MetricAlarm, window: Sequence[Datapoint], breaching: int, calm: int, state: State) -> State:
    """Decides from the counts of the newest existing datapoints, at most EvaluationPeriods of them."""
    lacking = alarm.evaluation_periods - breaching - calm
    if alarm.treat_missing_data == "breaching":
        breaching += lacking
    if breaching >= alarm.required_datapoints:
        return "ALARM"
    if not lacking or calm or alarm.treat_missing_data in {"breaching", "notBreaching"}:
        return "OK"
    # Fewer datapoints than needed, and all of them breach.
    if alarm.treat_missing_data == "ignore":
        return state
    if not breaching:
        return "INSUFFICIENT_DATA"
    return "ALARM" if _is_old_enough(alarm, window) else "OK"


def _is_old_enough(alarm: MetricAlarm, window: Sequence[Datapoint]) -> bool:
    """Returns whether the oldest datapoint is at least DatapointsToAlarm back, all newer ones breaching or missing.

    Then an alarm goes off although it lacks data ("premature alarm state"): `- - X - -` goes off for 3 out of 3, while
    `- - - X -` waits for the next datapoint.
    """
    oldest = next(index for index, point in enumerate(window) if point.value is not None)
    return len(window) - oldest >= alarm.required_datapoints
