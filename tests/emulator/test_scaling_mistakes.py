"""Two mistakes that well-known templates make: their endpoints never leave zero, here as on AWS.

One scales by SageMakerVariantInvocationsPerInstance, a metric that asynchronous endpoints do not publish; the other
names the right metric with VariantName, a dimension that it does not have.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, fake_region

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
RIGHT = {"EndpointName": "receipts"}
WRONG = {**RIGHT, "VariantName": "AllTraffic"}
HOURS = 5  # TTL's default is six


@pytest.fixture
def asleep(tmp_path: Path) -> Iterator[FakeRegion]:
    """A region with an endpoint at zero instances, a scalable target, and twenty requests that wait."""
    with fake_region(tmp_path) as region:
        region.launches.default = busy
        endpoint = region.create("receipts")
        endpoint.set_capacity(0)
        assert endpoint.wait(LIMIT)
        region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 4})
        for number in range(20):
            endpoint.accept(InvocationRequest(endpoint_name="receipts", body=b"-", inference_id=f"request-{number}"))
        yield region


def busy() -> FakeInstance:
    """An instance that never ends a request, so that all of them wait on."""
    instance = FakeInstance()
    instance.handler = instance.hang
    return instance


def track(region: FakeRegion, **specification: Any) -> None:
    configuration = {"TargetValue": 5.0, **specification}
    policy = {**TARGET, "PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    region.autoscaling.call("PutScalingPolicy", {**policy, "TargetTrackingScalingPolicyConfiguration": configuration})


def wake(region: FakeRegion, dimensions: Mapping[str, str]) -> None:
    steps = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]
    configuration = {"AdjustmentType": "ChangeInCapacity", "Cooldown": 300, "StepAdjustments": steps}
    policy = {**TARGET, "PolicyName": "wake", "PolicyType": "StepScaling"}
    answer = region.autoscaling.call("PutScalingPolicy", {**policy, "StepScalingPolicyConfiguration": configuration})
    alarm = {
        "AlarmName": "wake",
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": "Average",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 2,
        "TreatMissingData": "missing",
        "AlarmActions": [answer["PolicyARN"]],
    }
    region.autoscaling.put_alarm(alarm_from_settings(alarm))


def backlog_per_instance(dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "CustomizedMetricSpecification": {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": "Average",
        }
    }


def desired_after(region: FakeRegion, minutes: int) -> int:
    """The instances asked for after so many minutes, each with six samples."""
    endpoint = region.endpoint("receipts")
    for _ in range(minutes):
        for _ in range(6):
            region.clock.advance(10)
            endpoint.sample()
        region.autoscaling.tick()
    assert endpoint.deployment is not None
    return endpoint.deployment.fleet.desired


def test_the_right_metric_with_the_right_dimension_wakes_it(asleep: FakeRegion) -> None:
    track(asleep, **backlog_per_instance(RIGHT))
    wake(asleep, RIGHT)
    assert desired_after(asleep, minutes=1) == 0
    assert desired_after(asleep, minutes=1) == 1


def test_invocations_per_instance_never_wakes_it(asleep: FakeRegion) -> None:
    track(asleep, PredefinedMetricSpecification={"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"})
    assert desired_after(asleep, minutes=60 * HOURS) == 0
    states = {alarm["StateValue"] for alarm in asleep.autoscaling.alarms()}
    assert states == {"INSUFFICIENT_DATA"}
    assert len(asleep.endpoint("receipts").queue.waiting_requests(100)) == 20


def test_a_dimension_too_many_never_wakes_it(asleep: FakeRegion) -> None:
    track(asleep, **backlog_per_instance(WRONG))
    wake(asleep, WRONG)
    assert desired_after(asleep, minutes=60 * HOURS) == 0
    assert {alarm["StateValue"] for alarm in asleep.autoscaling.alarms()} == {"INSUFFICIENT_DATA"}
    assert asleep.autoscaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"}) == {
        "ScalingActivities": []
    }
