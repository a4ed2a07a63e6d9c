"""What DescribeAlarmHistory shows of metric alarms: settings, states and actions, on AWS's clock.

Source of the shapes: the example output of `describe-alarm-history` in the AWS CLI's command reference; histories of
actions that users of AWS have published: each change of state has one item per action, however often scaling then
repeats the action.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# CloudWatch's user guide, "Using Amazon CloudWatch alarms": the history is kept for 30 days.
RETENTION_SECONDS = 30 * 86_400
MAX_ITEMS = 10_000  # of a region; a clock that runs fast makes months in an hour

_CONFIGURED, _UPDATED, _TRANSITIONED = (
    "AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp",
)  # fmt: skip
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_KINDS = {"Create": "created", "Update": "updated", "Delete": "deleted"}

Alarm = dict[str, Any]  # the members of a MetricAlarm; its times are in epoch seconds
Item = dict[str, str]  # an AlarmHistoryItem; its time is in ISO 8601, to the second


def set_timestamps(before: Mapping[str, Any] | None, alarm: Alarm, at: float, *, is_put: bool) -> None:
    """Sets the timestamps of an alarm that was put, or whose state has changed, in epoch seconds on AWS's clock."""
    if is_put:
        alarm[_CONFIGURED] = at
    if before is None or before["StateValue"] != alarm["StateValue"]:
        alarm[_UPDATED] = alarm[_TRANSITIONED] = at
    else:
        for name in (_UPDATED, _TRANSITIONED):
            if name in before:
                alarm[name] = before[name]


def history_items(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    at: float,
    *,
    is_put: bool,
    action_error: Callable[[str], str | None],
) -> Iterator[Item]:
    """Yields what a change of one alarm adds to its history, oldest first.

    Args:
        before: The alarm before the change; None if there was none.
        after: The alarm after it; None if it was deleted.
        at: The moment of the change, on AWS's clock.
        is_put: Whether its settings were put, though they may be as before.
        action_error: Returns why the action of an ARN fails; None if it succeeds, an empty text if nothing here carries
            it out.
    """
    alarm = after or before
    if alarm is None:
        return
    name = alarm["AlarmName"]
    if is_put or after is None:
        change = "Delete" if after is None else "Create" if before is None else "Update"
        done = _KINDS[change]
        settings = {f"{done}Alarm": {_member(member): value for member, value in alarm.items()}}
        yield _item(name, at, "ConfigurationUpdate", f'Alarm "{name}" {done}', version="1.0", type=change, **settings)
    if before is None or after is None or before["StateValue"] == after["StateValue"]:
        return
    old, new = _state(before), _state(after)
    if after.get("StateReasonData") == before.get("StateReasonData"):
        new.pop("stateReasonData", None)  # the last state's: the new one came without any
    summary = f"Alarm updated from {old['stateValue']} to {new['stateValue']}"
    yield _item(name, at, "StateUpdate", summary, version="1.0", oldState=old, newState=new)
    if after.get("ActionsEnabled", True):
        for arn in after.get(_ACTIONS[after["StateValue"]]) or ():
            yield from _action_items(name, at, arn, action_error(arn))


def drop_expired(history: list[Any], now: float) -> None:
    """Drops the items, oldest first, that are too old or too many."""
    oldest = datetime.fromtimestamp(int(now) - RETENTION_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    expired = max(0, len(history) - MAX_ITEMS)
    while expired < len(history) and history[expired]["Timestamp"] < oldest:
        expired += 1
    del history[:expired]


def _action_items(name: str, at: float, arn: str, error: str | None) -> Iterator[Item]:
    data = {"stateUpdateTimestamp": int(at * 1000), "notificationResource": arn}
    if error is None:
        yield _item(name, at, "Action", f"Successfully executed action {arn}", actionState="Succeeded", **data)
    elif error:
        summary = f'Failed to execute action {arn}. Received error: "{error}"'
        yield _item(name, at, "Action", summary, actionState="Failed", **data, error=error)


def _item(name: str, at: float, kind: str, summary: str, /, **data: Any) -> Item:
    return {
        "AlarmName": name,
        "AlarmType": "MetricAlarm",
        "Timestamp": datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data, separators=(",", ":"), default=str),
    }


def _state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {"stateValue": alarm["StateValue"], "stateReason": alarm.get("StateReason", "")}
    if data := alarm.get("StateReasonData"):
        try:
            state["stateReasonData"] = json.loads(data)
        except ValueError:  # a client may set any text
            state["stateReasonData"] = data
    return state


def _member(name: str) -> str:
    """Returns a member's name in the history's JSON; the example has one exception."""
    return "okactions" if name == "OKActions" else name[:1].lower() + name[1:]
