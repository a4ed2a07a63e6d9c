"""Alarms on the emulated CloudWatch, and the scalable target that they scale, for tests."""

import uuid
from typing import Any

from async_endpoint.emulator.clients import AwsClients

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
BACKLOG = {
    "Namespace": "AWS/SageMaker",
    "MetricName": "ApproximateBacklogSizePerInstance",
    "Dimensions": [{"Name": "EndpointName", "Value": "receipts"}],
    "Statistic": "Average",
}
STEP = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
Client = Any  # boto3 makes its clients at run time


def put_alarm(cloudwatch: Client, namespace: str, **changes: Any) -> str:
    """The name of a new alarm on the errors of the queue called `live`: one above 5 in each of 2 minutes."""
    name = f"alarm-{uuid.uuid4().hex[:12]}"
    alarm = {
        "AlarmName": name,
        "Namespace": namespace,
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Queue", "Value": "live"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    }
    cloudwatch.put_metric_alarm(**{**alarm, **changes})
    return name


def state_of(cloudwatch: Client, name: str) -> str:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def alarms(clients: AwsClients) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = clients.cloudwatch.describe_alarms()["MetricAlarms"]  # type: ignore[assignment]  # a TypedDict
    return found
