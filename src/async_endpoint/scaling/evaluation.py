"""The state of an alarm at one moment, by CloudWatch's documented rules.

Source of the rules: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
data". A datapoint is seen once its period has ended, so a one-minute metric is seen after its minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from async_endpoint.scaling import alarm_reasons
from async_endpoint.scaling.alarms import MetricAlarm, State
from async_endpoint.scaling.metrics import Datapoint, MetricStore


@dataclass(frozen=True)
class Evaluation:
    """An alarm's state and why.

    `values` are those that decided: the breaching ones in ALARM, the others in OK, newest first; none where missing
    data decided. `reason_data` is the JSON text of StateReasonData.
    """

    state: State
    reason: str
    reason_data: str
    values: tuple[float, ...] = ()


def evaluate(alarm: MetricAlarm, store: MetricStore, now: float, state: State = "INSUFFICIENT_DATA") -> Evaluation:
    """Evaluate an alarm at the epoch second `now`; `state` is the one it is in, which `ignore` may retain."""
    window = alarm.query.datapoints(store, now, alarm.evaluation_range)

    real = tuple(point for point in reversed(window) if point.value is not None)[: alarm.evaluation_periods]
    breaching = tuple(point for point in real if _breaches(alarm, point))
    calm = tuple(point for point in real if not _breaches(alarm, point))
    new = _state(alarm, window, len(breaching), len(calm), state)
    deciding = {"ALARM": breaching, "OK": calm, "INSUFFICIENT_DATA": ()}[new]
    return Evaluation(
        state=new,
        reason=alarm_reasons.reason(alarm, new, deciding, received=len(real)),
        reason_data=alarm_reasons.reason_data(alarm, now, real),
        values=tuple(point.value for point in deciding if point.value is not None),
    )


def _breaches(alarm: MetricAlarm, point: Datapoint) -> bool:
    return point.value is not None and alarm.breaches(point.value)


def _state(alarm: MetricAlarm, window: Sequence[Datapoint], breaching: int, calm: int, state: State) -> State:
    """Decide from the counts of the newest existing datapoints, at most EvaluationPeriods of them."""
    lacking = alarm.evaluation_periods - breaching - calm
    if alarm.treat_missing_data == "breaching":
        breaching += lacking
    if breaching >= alarm.required_datapoints:
        return "ALARM"
    if not lacking or calm or alarm.treat_missing_data in {"breaching", "notBreaching"}:
        return "OK"
    # Fewer datapoints than needed, and none of them says that all is well.
    if alarm.treat_missing_data == "ignore":
        return state
    if not breaching:
        return "INSUFFICIENT_DATA"
    return "ALARM" if _is_old_enough(alarm, window) else "OK"


def _is_old_enough(alarm: MetricAlarm, window: Sequence[Datapoint]) -> bool:
    """Tell whether the oldest datapoint lies at least DatapointsToAlarm back, all newer ones breaching or missing.

    Then an alarm fires although it lacks data ("premature alarm state"): `- - X - -` fires for 3 out of 3, while
    `- - - X -` waits for the next datapoint.
    """
    oldest = next(index for index, point in enumerate(window) if point.value is not None)
    return len(window) - oldest >= alarm.required_datapoints
