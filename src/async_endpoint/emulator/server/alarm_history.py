"""What DescribeAlarmHistory shows of metric alarms: settings, states and actions, on AWS's clock.

Source of the shapes: the example output of `describe-alarm-history` in the AWS CLI's command reference; histories that
users of AWS have published for actions, of which each change of state has one for each action, however often scaling
then repeats it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# CloudWatch's user guide, "Using Amazon CloudWatch alarms": the history is there for 30 days.
RETENTION_SECONDS = 30 * 86_400
KEPT = 10_000  # of a region; a clock that runs fast makes months in an hour

_CONFIGURED, _UPDATED, _TRANSITIONED = (
    "AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp",
)  # fmt: skip
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_KINDS = {"Create": "created", "Update": "updated", "Delete": "deleted"}

Alarm = dict[str, Any]  # the members of a MetricAlarm; its times are in epoch seconds
Item = dict[str, str]  # an AlarmHistoryItem; its time is in ISO 8601, to the second


def date(before: Mapping[str, Any] | None, alarm: Alarm, at: float, *, is_put: bool) -> None:
    """Set the times of an alarm that was put, or that has another state than before, to a moment of AWS's clock."""
    if is_put:
        alarm[_CONFIGURED] = at
    if before is None or before["StateValue"] != alarm["StateValue"]:
        alarm[_UPDATED] = alarm[_TRANSITIONED] = at
    else:
        for name in (_UPDATED, _TRANSITIONED):
            if name in before:
                alarm[name] = before[name]


def items(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    at: float,
    *,
    is_put: bool,
    error: Callable[[str], str | None],
) -> Iterator[Item]:
    """What a change of one alarm adds to its history, oldest first.

    Args:
        before: The alarm as it was; None if there was none.
        after: The alarm as it is; None if it was deleted.
        at: When, on AWS's clock.
        is_put: Whether its settings were put, though they may be as before.
        error: Why the action of an ARN fails; None if it does not, and empty if nobody here carries it out.
    """
    alarm = after or before
    if alarm is None:
        return

    def item(kind: str, summary: str, **data: Any) -> Item:
        moment = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "MetricAlarm",
            "Timestamp": moment,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data, separators=(",", ":"), default=str),
        }

    if is_put or after is None:
        change = "Delete" if after is None else "Create" if before is None else "Update"
        done = _KINDS[change]
        settings = {f"{done}Alarm": {_member(name): value for name, value in alarm.items()}}
        summary = f'Alarm "{alarm["AlarmName"]}" {done}'
        yield item("ConfigurationUpdate", summary, version="1.0", type=change, **settings)
    if before is None or after is None or before["StateValue"] == after["StateValue"]:
        return
    old, new = _state(before), _state(after)
    if after.get("StateReasonData") == before.get("StateReasonData"):
        new.pop("stateReasonData", None)  # the last one's, which nothing was put in the place of
    summary = f"Alarm updated from {old['stateValue']} to {new['stateValue']}"
    yield item("StateUpdate", summary, version="1.0", oldState=old, newState=new)
    if not after.get("ActionsEnabled", True):
        return
    for arn in after.get(_ACTIONS[after["StateValue"]]) or ():
        failure = error(arn)
        told = {"stateUpdateTimestamp": int(at * 1000), "notificationResource": arn}
        if failure is None:
            yield item("Action", f"Successfully executed action {arn}", actionState="Succeeded", **told)
        elif failure:
            summary = f'Failed to execute action {arn}. Received error: "{failure}"'
            yield item("Action", summary, actionState="Failed", **told, error=failure)


def forget(history: list[Any], now: float) -> None:
    """Drop from a history, oldest first, what is too old or too much."""
    oldest = datetime.fromtimestamp(int(now) - RETENTION_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    gone = max(0, len(history) - KEPT)
    while gone < len(history) and history[gone]["Timestamp"] < oldest:
        gone += 1
    del history[:gone]


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {"stateValue": alarm["StateValue"], "stateReason": alarm.get("StateReason", "")}
    if data := alarm.get("StateReasonData"):
        try:
            state["stateReasonData"] = json.loads(data)
        except ValueError:  # a client may set any text
            state["stateReasonData"] = data
    return state


def _member(name: str) -> str:
    """A member as the history's JSON calls it; the example has one exception."""
    return "okactions" if name == "OKActions" else name[:1].lower() + name[1:]
