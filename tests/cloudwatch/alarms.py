"""An alarm on one metric, and data for it, for the tests."""

from typing import Any

from async_endpoint.cloudwatch import MetricAlarm, MetricKey, MetricStore

KEY = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", {"EndpointName": "e"})
TEN = 1_795_341_600  # 22 November 2026, 10:00:00 UTC
PROPERTIES: dict[str, object] = {
    "AlarmName": "has-backlog",
    "Namespace": "AWS/SageMaker",
    "MetricName": "HasBacklogWithoutCapacity",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 2,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "missing",
}


def alarm_of(**changes: object) -> MetricAlarm:
    return MetricAlarm.from_members(
        {name: value for name, value in (PROPERTIES | changes).items() if value is not None}
    )


def ending_at_ten(pattern: str, minutes: int = 1) -> MetricStore:
    """Build a store from the documentation's notation: 0 calm, X breaching, - missing, the newest on the right."""
    store = MetricStore()
    for back, mark in enumerate(reversed(pattern.split()), start=1):
        if mark != "-":
            store.put(KEY, 1.0 if mark == "X" else 0.0, TEN - back * 60 * minutes)
    return store


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


def changed(members: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The members with changes; None removes a member."""
    return {name: value for name, value in (members | changes).items() if value is not None}
