"""The settings of an alarm at the door: validated by CloudWatch's model and rules, which ministack does not check."""

from collections.abc import Mapping
from typing import Any

from async_endpoint.cloudwatch.alarm_rules import broken_rule
from async_endpoint.cloudwatch.alarms import MetricAlarm
from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.service_models import drop_unknown_members, validated


def broken_setting(settings: Mapping[str, Any]) -> str | None:
    """Returns why CloudWatch rejects an alarm; None if CloudWatch accepts the alarm.

    Args:
        settings: Members of PutMetricAlarm, or a template's properties, whose numbers may be text.
    """
    try:
        return broken_rule(_members(settings))
    except ValidationException as error:
        return error.message


def alarm_from_settings(settings: Mapping[str, Any]) -> MetricAlarm:
    """Returns the alarm of the same settings as `broken_setting` takes.

    Raises:
        ValidationException: The settings do not fit the API's model.
        ValidationError: CloudWatch rejects the alarm, or the alarm is not evaluated here.
    """
    return MetricAlarm.from_members(_members(settings))


def _members(settings: Mapping[str, Any]) -> dict[str, Any]:
    known = drop_unknown_members("cloudwatch", "PutMetricAlarm", settings)
    return validated("cloudwatch", "PutMetricAlarm", known)
