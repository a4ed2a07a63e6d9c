"""Changes of ministack's metric alarms, recorded with AWS's clock for DescribeAlarms and DescribeAlarmHistory."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, sns

from async_endpoint.emulator.server import alarm_history

StateTime = Callable[[str, str, str, str], float]  # account, region name, alarm, state; "" for a deleted alarm
Change = Callable[..., Any]


def record_alarm_changes(state_updated_at: StateTime) -> None:
    """Records what happens to metric alarms, and when on AWS's clock.

    ministack records changes of state alone, with the wall clock's time. Call this after `support_metric_math`.

    Args:
        state_updated_at: Returns when an alarm came to a state, in epoch seconds on AWS's clock; for any other change,
            the present moment. It must not block.
    """
    lock = threading.RLock()  # templates put alarms from threads of their own

    def recorded(change: Change) -> Change:
        def change_and_record(*arguments: Any, **members: Any) -> Any:
            with lock:
                before = {name: _Snapshot(alarm, dict(alarm)) for name, alarm in cloudwatch._alarms.items()}
                response = change(*arguments, **members)
                _record_changes(before, state_updated_at)
                return response

        return change_and_record

    record = cloudwatch._record_history

    def record_composite(*arguments: Any, **members: Any) -> None:
        if arguments[0] not in cloudwatch._alarms:
            record(*arguments, **members)

    cloudwatch._record_history = record_composite
    cloudwatch._put_metric_alarm = recorded(cloudwatch._put_metric_alarm)
    cloudwatch._set_alarm_state = recorded(cloudwatch._set_alarm_state)
    cloudwatch._delete_alarms = recorded(cloudwatch._delete_alarms)
    cloudwatch._enable_alarm_actions = recorded(cloudwatch._enable_alarm_actions)
    cloudwatch._disable_alarm_actions = recorded(cloudwatch._disable_alarm_actions)
    cloudwatch.cloudformation_put_metric_alarm = recorded(cloudwatch.cloudformation_put_metric_alarm)
    cloudwatch.cloudformation_delete_metric_alarm = recorded(cloudwatch.cloudformation_delete_metric_alarm)


@dataclass(frozen=True)
class _Snapshot:
    """An alarm before a change: the object that ministack holds, and a copy of its members."""

    alarm: Mapping[str, Any]
    members: Mapping[str, Any]


def _record_changes(before: Mapping[str, _Snapshot], state_updated_at: StateTime) -> None:
    """Dates and records the changes of all alarms of the caller's region since the snapshots of `before`."""
    alarms, history = cloudwatch._alarms, cloudwatch._history_entries()
    for name in [*before, *(name for name in alarms if name not in before)]:
        known, alarm = before.get(name), alarms.get(name)
        old = None if known is None else known.members
        is_same = known is not None and known.alarm is alarm
        if is_same and old == alarm:
            continue
        actions_switched = old is not None and alarm is not None and _acts(old) != _acts(alarm)
        is_put = alarm is not None and (not is_same or actions_switched)
        at = state_updated_at(get_account_id(), get_region(), name, "" if alarm is None else alarm["StateValue"])
        if alarm is not None:
            alarm_history.set_timestamps(old, alarm, at, is_put=is_put)
        history.extend(alarm_history.history_items(old, alarm, at, is_put=is_put, action_error=_action_error))
        alarm_history.drop_expired(history, at)


def _acts(alarm: Mapping[str, Any]) -> Any:
    return alarm.get("ActionsEnabled")


def _action_error(arn: str) -> str | None:
    """Returns why an alarm's action fails, as `alarm_history.history_items` takes it."""
    if ":scalingPolicy:" in arn:
        return None
    if not arn.startswith("arn:aws:sns:"):
        return ""
    return None if sns._topic_by_arn_any_scope(arn) else "Topic does not exist"
