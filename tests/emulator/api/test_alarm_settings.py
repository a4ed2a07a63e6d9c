"""The settings of an alarm at the door: by CloudWatch's model and rules, of clients and of templates."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.cloudwatch import ValidationError
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings, broken_setting
from async_endpoint.emulator.errors import ValidationException
from tests.cloudwatch.alarms import ON_A_METRIC, ON_MATH, changed
from tests.emulator.conftest import Running, end_of_stack


def test_a_templates_texts_make_the_same_alarm_as_numbers_and_booleans() -> None:
    template = {name: value if isinstance(value, list) else str(value) for name, value in ON_A_METRIC.items()}
    assert broken_setting(template) is None
    assert alarm_from_settings(template) == alarm_from_settings(ON_A_METRIC)
    assert alarm_from_settings({**template, "ActionsEnabled": "false"}).actions_in("ALARM") == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EvaluationPeriods": "two"}, "PutMetricAlarm: Invalid type for parameter EvaluationPeriods"),
        ({"EvaluationPeriods": 1.5}, "PutMetricAlarm: Invalid type for parameter EvaluationPeriods"),
        ({"EvaluationPeriods": 0}, "1 validation error detected: Value '0' at 'evaluationPeriods' failed to satisfy"),
        ({"Threshold": "much"}, "PutMetricAlarm: Invalid type for parameter Threshold"),
        ({"Threshold": True}, "PutMetricAlarm: Invalid type for parameter Threshold"),
        ({"Threshold": float("nan")}, "PutMetricAlarm: Invalid type for parameter Threshold"),
        ({"Threshold": "inf"}, "PutMetricAlarm: Invalid type for parameter Threshold"),
        ({"ComparisonOperator": "Foo"}, "1 validation error detected: Value 'Foo' at 'comparisonOpera"),
        ({"AlarmName": None}, "1 validation error detected: Value null at 'alarmName' failed to satisfy constraint"),
        ({"Dimensions": "EndpointName=e"}, "PutMetricAlarm: Invalid type for parameter Dimensions"),
        ({"AlarmActions": "arn:a"}, "PutMetricAlarm: Invalid type for parameter AlarmActions"),
        ({"ActionsEnabled": "perhaps"}, "PutMetricAlarm: Invalid type for parameter ActionsEnabled"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_rejected(changes: dict[str, Any], message: str) -> None:
    settings = changed(ON_A_METRIC, **changes)
    assert (broken_setting(settings) or "").startswith(message)
    with pytest.raises(ValidationException):
        alarm_from_settings(settings)


def test_settings_that_break_a_rule_are_rejected() -> None:
    settings = changed(ON_A_METRIC, TreatMissingData="foo")
    assert (broken_setting(settings) or "").startswith("Option foo is not supported.")
    with pytest.raises(ValidationError, match="Option foo is not supported"):
        alarm_from_settings(settings)


def test_an_invalid_alarm_of_a_client_is_rejected_and_not_stored(running: Running) -> None:
    cloudwatch, name = running.client("cloudwatch"), f"alarm-{uuid.uuid4().hex}"
    with pytest.raises(ClientError, match="Option foo is not supported") as rejected:
        cloudwatch.put_metric_alarm(**changed(ON_A_METRIC, AlarmName=name, TreatMissingData="foo"))
    assert rejected.value.response["Error"]["Code"] == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_a_stack_with_such_an_alarm_is_not_created(running: Running) -> None:
    properties = changed(ON_MATH, AlarmName=None, DatapointsToAlarm=3)
    status, reasons = end_of_stack(running, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})
    assert status == "ROLLBACK_COMPLETE"
    assert any("DatapointsToAlarm (3) must be" in reason for reason in reasons)
