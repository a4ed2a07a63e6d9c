"""Alarms that CloudWatch refuses when they are put, and those that it takes."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.api.alarm_settings import refusal
from tests.emulator.conftest import Running, end_of_stack

ON_A_METRIC: dict[str, Any] = {
    "AlarmName": "wake",
    "Namespace": "AWS/SageMaker",
    "MetricName": "HasBacklogWithoutCapacity",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:topic"],
}
STAT = {
    "Metric": {"Namespace": "AWS/SageMaker", "MetricName": "ApproximateBacklogSize"},
    "Period": 60,
    "Stat": "Maximum",
}
QUERIES: list[dict[str, Any]] = [
    {"Id": "result", "Expression": "backlog * 2", "ReturnData": True},
    {"Id": "backlog", "MetricStat": STAT, "ReturnData": False},
]
ON_MATH = {
    name: value for name, value in ON_A_METRIC.items() if name not in ("Namespace", "MetricName", "Statistic", "Period")
} | {"Metrics": QUERIES}


def changed(settings: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The settings with changes; None takes a member out."""
    return {name: value for name, value in (settings | changes).items() if value is not None}


@pytest.mark.parametrize(
    "settings",
    [
        ON_A_METRIC,
        ON_MATH,
        {name: value if isinstance(value, list) else str(value) for name, value in ON_A_METRIC.items()},  # a template's
        changed(ON_A_METRIC, Period=10),
        changed(ON_A_METRIC, Period=3600, EvaluationPeriods=168),
        changed(ON_A_METRIC, Statistic=None, ExtendedStatistic="p99"),  # taken, though it is not evaluated here
        changed(ON_A_METRIC, DatapointsToAlarm=2),
        changed(ON_A_METRIC, TreatMissingData="ignore", AlarmActions=[]),
    ],
)
def test_what_cloudwatch_takes(settings: dict[str, Any]) -> None:
    assert refusal(settings) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (changed(ON_A_METRIC, DatapointsToAlarm=3), "DatapointsToAlarm (3) must be less than or equal to Evalua"),
        (changed(ON_A_METRIC, Period=45), "The Period of 45 seconds is not valid: it must be 10, 20, 30 or a multiple"),
        (changed(ON_A_METRIC, EvaluationPeriods=1441), "Metrics cannot be checked across more than a day"),
        (changed(ON_A_METRIC, Period=3600, EvaluationPeriods=169), "Metrics cannot be checked across more than seven"),
        (changed(ON_A_METRIC, Threshold=None), "Exactly one of Threshold and ThresholdMetricId must be specified."),
        (changed(ON_A_METRIC, EvaluationPeriods=None), "The parameter EvaluationPeriods is required."),
        (changed(ON_A_METRIC, EvaluationPeriods="two"), "PutMetricAlarm: Invalid type for parameter EvaluationPeriods"),
        (changed(ON_A_METRIC, ComparisonOperator=None), "The parameter ComparisonOperator is required."),
        (
            changed(ON_A_METRIC, ComparisonOperator="Foo"),
            "1 validation error detected: Value 'Foo' at 'comparisonOpera",
        ),
        (changed(ON_A_METRIC, TreatMissingData="foo"), "Option foo is not supported. Supported options are breaching"),
        (changed(ON_A_METRIC, Namespace=None), "The parameter Namespace is required."),
        (changed(ON_A_METRIC, Period=None), "The parameter Period is required."),
        (changed(ON_A_METRIC, Statistic=None), "Exactly one of Statistic and ExtendedStatistic must be specified."),
        (changed(ON_A_METRIC, MetricName=None), "Exactly one of MetricName and Metrics must be specified."),
        (changed(ON_A_METRIC, Metrics=QUERIES), "Exactly one of MetricName and Metrics must be specified."),
        (changed(ON_A_METRIC, OKActions=["foo"]), "Invalid arn syntax: foo"),
        (changed(ON_MATH, Metrics=QUERIES[1:]), "Exactly one element of the metrics list should return data."),
        (changed(ON_MATH, Metrics=[QUERIES[0], QUERIES[0]]), "Exactly one element of the metrics list should return"),
        (
            changed(ON_MATH, Metrics=[{"Id": "result"}]),
            "The query result must have exactly one of Expression and Metri",
        ),
    ],
)
def test_what_cloudwatch_refuses(settings: dict[str, Any], message: str) -> None:
    assert (refusal(settings) or "").startswith(message)


def test_a_client_is_refused_and_nothing_is_kept(running: Running) -> None:
    cloudwatch, name = running.client("cloudwatch"), f"alarm-{uuid.uuid4().hex}"
    with pytest.raises(ClientError, match="Option foo is not supported") as refused:
        cloudwatch.put_metric_alarm(**changed(ON_A_METRIC, AlarmName=name, TreatMissingData="foo"))
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_a_stack_with_such_an_alarm_is_not_created(running: Running) -> None:
    properties = changed(ON_MATH, AlarmName=None, DatapointsToAlarm=3)
    status, reasons = end_of_stack(running, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})
    assert status == "ROLLBACK_COMPLETE"
    assert any("DatapointsToAlarm (3) must be" in reason for reason in reasons)
