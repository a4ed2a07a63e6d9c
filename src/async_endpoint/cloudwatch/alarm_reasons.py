"""The sentences of StateReason, and StateReasonData, in CloudWatch's words."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.metrics import Datapoint

INITIAL = "Unchecked: Initial alarm creation"

# The first two are recorded; the others are open.
_TREATED_AS = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored", "missing": "Missing"}
_RELATIONS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


def reason(alarm: MetricAlarm, state: State, deciding: Sequence[Datapoint], received: int) -> str:
    """Returns StateReason.

    `deciding` are the datapoints that decide the state, newest first; `received` counts all evaluated ones.
    """
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_datapoints(alarm.evaluation_periods)} {_were(alarm.evaluation_periods)} unknown."
    missing = alarm.evaluation_periods - received
    if not deciding or (missing and alarm.treat_missing_data in {"breaching", "notBreaching"}):
        return _missing_data_reason(alarm, received, missing)
    points = ", ".join(f"{point.value} ({_moment(point.start, '%d/%m/%y %H:%M:%S')})" for point in deciding)
    negation = "" if state == "ALARM" else "not "
    relation = f"{negation}{_RELATIONS[alarm.comparison_operator]} the threshold ({alarm.threshold})"
    count = len(deciding)
    if alarm.datapoints_to_alarm is None:
        return f"Threshold Crossed: {_datapoints(count)} [{points}] {_were(count)} {relation}."
    if state == "ALARM":
        least, transition = alarm.required_datapoints, "OK -> ALARM"
    else:
        least, transition = alarm.evaluation_periods - alarm.required_datapoints + 1, "ALARM -> OK"
    return (
        f"Threshold Crossed: {count} out of the last {alarm.evaluation_periods} datapoints [{points}] {_were(count)} "
        f"{relation} (minimum {_datapoints(least)} for {transition} transition)."
    )


def reason_data(alarm: MetricAlarm, now: float, real: Sequence[Datapoint]) -> str:
    """Returns StateReasonData, JSON text; `real` are the evaluated datapoints, newest first."""
    data: dict[str, object] = {"version": "1.0", "queryDate": _moment(now)}
    if real:
        data["startDate"] = _moment(real[-1].start)
    described = alarm.query.describe()
    data |= {member.lower(): described[member] for member in ("Unit", "Statistic") if member in described}
    data |= {
        "period": alarm.query.period,
        "recentDatapoints": [point.value for point in reversed(real)],
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [{"timestamp": _moment(point.start), "value": point.value} for point in real],
    }
    return json.dumps(data, separators=(",", ":"))


def recent_datapoints(data: str | None) -> tuple[float, ...]:
    """Returns the values of a StateReasonData, oldest first; none if the text has another form."""
    try:
        found = json.loads(data or "null")
    except (ValueError, RecursionError):
        return ()
    values = found.get("recentDatapoints") if isinstance(found, dict) else None
    return tuple(map(float, filter(_is_finite, values))) if isinstance(values, list) else ()


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _missing_data_reason(alarm: MetricAlarm, received: int, missing: int) -> str:
    return (
        f"Threshold Crossed: {_datapoints(received) if received else 'no datapoints'} {_were(received)} received "
        f"for {alarm.evaluation_periods} period{'' if alarm.evaluation_periods == 1 else 's'} "
        f"and {missing} missing datapoint{'' if missing == 1 else 's'} {_were(missing)} "
        f"treated as [{_TREATED_AS[alarm.treat_missing_data]}]."
    )


def _datapoints(count: int) -> str:
    return f"{count} datapoint{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _moment(at: float, form: str = "%Y-%m-%dT%H:%M:%S.000+0000") -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)
