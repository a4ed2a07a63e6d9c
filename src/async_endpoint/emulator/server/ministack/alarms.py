"""The alarms of ministack's CloudWatch: evaluated elsewhere, with metric math, and with their states forwarded."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from async_endpoint.emulator.server.region import Region

Rejection = Callable[[Mapping[str, Any]], str | None]  # why an alarm of these settings is invalid; None if it is valid

_METRIC_MEMBERS = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def disable_alarm_evaluation() -> None:
    """Leaves alarm states to the caller: ministack's evaluation ignores dimensions, M of N and missing data."""
    cloudwatch._evaluate_alarm = lambda _: None
    cloudwatch._evaluate_all_alarms = lambda: None


def support_metric_math(rejection: Rejection) -> None:
    """Lets alarms have Metrics, by the API and by templates: ministack drops them there and rejects them here.

    The API's older query protocol, which no current SDK uses, still drops them and rejects nothing.

    Args:
        rejection: Returns the message for settings that AWS rejects and ministack would take; None for all others.
    """
    put, record = cloudwatch._put_metric_alarm, provisioners._cw_metric_alarm_record

    def put_with_math(params: Any, members: Mapping[str, Any], *protocol: bool) -> Any:
        is_cbor, is_json = protocol  # neither: the query protocol
        has_members = is_cbor or is_json
        if has_members and (message := rejection(members)):
            return cloudwatch._error(
                "ValidationError", message, HTTPStatus.BAD_REQUEST, use_json=is_json, use_cbor=is_cbor
            )
        response = put(params, members, *protocol)
        queries = members.get("Metrics") if has_members else None
        alarm = cloudwatch._alarms.get(members.get("AlarmName", "")) if queries else None
        if alarm is not None:
            _set_queries(alarm, queries)
        return response

    def record_with_math(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if message := rejection({**properties, "AlarmName": name}):
            raise ValueError(message)
        if not queries:
            return dict(record(name, properties))
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        return _set_queries(record(name, {**plain, "MetricName": "-", "Namespace": "-"}), queries)

    cloudwatch._put_metric_alarm = put_with_math
    provisioners._cw_metric_alarm_record = record_with_math


def forward_alarm_states(find_region: Callable[[str, str], Region | None]) -> None:
    """Has regions scale by the states that SetAlarmState gives to their alarms.

    Args:
        find_region: Returns the region of an account number and a region name; None where there is nothing to scale.
    """
    set_state = cloudwatch._set_alarm_state

    def set_and_forward(params: Any, members: Mapping[str, Any], *protocol: bool) -> Any:
        response = set_state(params, members, *protocol)
        given = members if any(protocol) else {name: values[0] for name, values in params.items()}
        region = find_region(get_account_id(), get_region())
        if response[0] == HTTPStatus.OK and region is not None:
            region.apply_alarm_state(
                given["AlarmName"], given["StateValue"], given.get("StateReason", ""), given.get("StateReasonData")
            )
        return response

    cloudwatch._set_alarm_state = set_and_forward


def _set_queries(alarm: dict[str, Any], queries: Any) -> dict[str, Any]:
    """Puts metric math in the place of the members that name a metric."""
    for member in _METRIC_MEMBERS:
        alarm.pop(member, None)
    alarm["Metrics"] = queries
    return alarm
