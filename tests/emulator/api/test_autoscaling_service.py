"""Application Auto Scaling's operations, on endpoints whose instances are threads."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.api.alarm_settings import broken_setting
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from async_endpoint.emulator.errors import AwsError
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, eventually, fake_region

RESOURCE = "endpoint/receipts/variant/AllTraffic"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        region.create("receipts")
        yield region


def register(region: FakeRegion, least: int, most: int) -> None:
    region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": least, "MaxCapacity": most})


def activities(region: FakeRegion) -> list[dict[str, Any]]:
    answer = region.autoscaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    found: list[dict[str, Any]] = answer["ScalingActivities"]
    return found


def test_a_minimum_above_the_count_starts_instances_and_is_recorded(region: FakeRegion) -> None:
    register(region, 3, 5)
    assert region.endpoint("receipts").wait(LIMIT)
    assert len(region.launches.running) == 3
    region.clock.advance(MINUTE)
    region.autoscaling.tick()
    (activity,) = activities(region)
    assert activity["Cause"] == "minimum capacity was set to 3"
    assert activity["StatusCode"] == "Successful"
    assert activity["Description"] == "Setting desired instance count to 3."


def test_an_endpoint_in_transition_is_not_scaled_before_it_settles(region: FakeRegion) -> None:
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.endpoint("receipts").set_capacity(2)
    register(region, 3, 5)
    region.autoscaling.tick()
    assert activities(region) == []
    slow.ready.set()
    assert region.endpoint("receipts").wait(LIMIT)
    region.autoscaling.tick()
    assert region.endpoint("receipts").wait(LIMIT)
    assert len(region.launches.running) == 3


@pytest.mark.parametrize("resource", ["endpoint/other/variant/AllTraffic", "endpoint/receipts/variant/Other"])
def test_a_variant_that_does_not_exist_cannot_be_a_target(region: FakeRegion, resource: str) -> None:
    request = {**TARGET, "ResourceId": resource, "MinCapacity": 0, "MaxCapacity": 1}
    with pytest.raises(AwsError, match=f"SageMaker resource {resource} does not exist.") as rejected:
        region.autoscaling.call("RegisterScalableTarget", request)
    assert (rejected.value.code, rejected.value.status) == ("ValidationException", HTTPStatus.BAD_REQUEST)


def test_a_scale_out_that_comes_to_nothing_is_a_failed_activity(region: FakeRegion) -> None:
    region.launches.default = lambda: FakeInstance(failure="The model was not ready.")
    register(region, 2, 5)
    endpoint = region.endpoint("receipts")
    assert endpoint.wait(LIMIT)
    capacities = VariantCapacities(region.sagemaker.endpoint)
    assert (capacities.desired(RESOURCE), capacities.running(RESOURCE)) == (1, 1)
    assert capacities.failure(RESOURCE) == endpoint.failure_reason
    region.autoscaling.tick()
    (activity,) = activities(region)
    assert activity["StatusCode"] == "Failed"
    assert activity["StatusMessage"] == (
        f"Failed to set desired instance count to 2. Reason: {endpoint.failure_reason}"
    )
    assert "The model was not ready." in activity["StatusMessage"]


def test_a_scale_out_continues_after_a_restart(region: FakeRegion, tmp_path: Path) -> None:
    region.launches.prepared = [FakeInstance(ready=False)]
    register(region, 2, 5)
    region.endpoint("receipts").stop()
    sagemaker, scaling = json.loads(json.dumps([region.sagemaker.state(), region.autoscaling.state()]))
    slow = FakeInstance(ready=False)
    with fake_region(tmp_path, FakeInstance(), slow) as after:
        after.sagemaker.restore(sagemaker)
        after.autoscaling.restore(scaling)
        after.sagemaker.resume()
        capacities = VariantCapacities(after.sagemaker.endpoint)
        eventually(lambda: capacities.running(RESOURCE) == 1, "the first instance")
        after.autoscaling.tick()
        assert capacities.is_updating(RESOURCE)  # the other is still coming
        assert [activity["StatusCode"] for activity in activities(after)] == ["InProgress"]
        slow.ready.set()
        eventually(lambda: capacities.running(RESOURCE) == 2, "the second instance")
        after.autoscaling.tick()
        assert [activity["StatusCode"] for activity in activities(after)] == ["Successful"]


def test_a_policy_may_track_metric_math(region: FakeRegion) -> None:
    register(region, 0, 5)
    dimensions = [{"Name": "EndpointName", "Value": "receipts"}]
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "ApproximateBacklogSize", "Dimensions": dimensions}
    queries = [
        {"Id": "half", "Expression": "backlog / 2", "Label": "half of it", "ReturnData": True},
        {"Id": "backlog", "MetricStat": {"Metric": metric, "Stat": "Average", "Unit": "Count"}, "ReturnData": False},
    ]
    configuration = {"TargetValue": 5.0, "CustomizedMetricSpecification": {"Metrics": queries}}
    policy = {"PolicyName": "track", "PolicyType": "TargetTrackingScaling"}
    configured = {"TargetTrackingScalingPolicyConfiguration": configuration}
    region.autoscaling.call("PutScalingPolicy", {**TARGET, **policy, **configured})
    answer = region.autoscaling.call("DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})
    assert answer["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"] == configuration
    alarms = region.autoscaling.alarms()
    assert [broken_setting(alarm) for alarm in alarms] == [None, None]
    assert [alarm["Metrics"][1]["MetricStat"]["Period"] for alarm in alarms] == [60, 60]


def test_tags_of_a_scalable_target(region: FakeRegion) -> None:
    call = region.autoscaling.call
    request = {**TARGET, "MinCapacity": 0, "MaxCapacity": 1, "Tags": {"stage": "dev"}}
    arn = call("RegisterScalableTarget", request)["ScalableTargetARN"]
    register(region, 0, 2)
    with pytest.raises(AwsError, match="The scalable target that you tried to tag already exists") as rejected:
        call("RegisterScalableTarget", request)
    assert (rejected.value.code, rejected.value.status) == ("ValidationException", HTTPStatus.BAD_REQUEST)
    assert call("ListTagsForResource", {"ResourceARN": arn}) == {"Tags": {"stage": "dev"}}
    call("TagResource", {"ResourceARN": arn, "Tags": {"stage": "prod", "team": "a"}})
    call("UntagResource", {"ResourceARN": arn, "TagKeys": ["team", "other"]})
    assert call("ListTagsForResource", {"ResourceARN": arn}) == {"Tags": {"stage": "prod"}}


@pytest.mark.parametrize("by_deletion", [False, True])
def test_a_deregistered_target_has_no_tags(region: FakeRegion, *, by_deletion: bool) -> None:
    register(region, 0, 1)
    (target,) = region.autoscaling.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})["ScalableTargets"]
    arn = target["ScalableTargetARN"]
    if by_deletion:
        region.sagemaker.call("DeleteEndpoint", {"EndpointName": "receipts"})
    else:
        region.autoscaling.call("DeregisterScalableTarget", TARGET)
    for operation, members in (
        ("ListTagsForResource", {}),
        ("TagResource", {"Tags": {"a": "b"}}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        with pytest.raises(AwsError) as rejected:
            region.autoscaling.call(operation, {"ResourceARN": arn, **members})
        assert (rejected.value.code, rejected.value.status) == ("ResourceNotFoundException", HTTPStatus.BAD_REQUEST)


STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
}
METRIC = {"Namespace": "Tests", "MetricName": "Load", "Statistic": "Average"}
TRACKING = {"TargetValue": 5, "CustomizedMetricSpecification": METRIC}


def put_policy(region: FakeRegion, **members: object) -> dict[str, Any]:
    """Puts a policy and returns its description."""
    request = {key: value for key, value in ({**TARGET, "PolicyName": "p"} | members).items() if value is not None}
    region.autoscaling.call("PutScalingPolicy", request)
    (policy,) = region.autoscaling.call("DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})["ScalingPolicies"]
    return {key: value for key, value in policy.items() if key.endswith("Configuration")}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"ScalableDimension": None}, "Value null at 'scalableDimension' failed to satisfy constraint"),
        ({"SuspendedState": "all"}, "RegisterScalableTarget: Invalid type for parameter SuspendedState"),
        ({"MinCapacity": "one"}, "RegisterScalableTarget: Invalid type for parameter MinCapacity"),
        ({"MinCapacity": -1}, "MinCapacity must be 0 or more, not -1."),
    ],
)
def test_a_target_that_does_not_fit_the_model_is_rejected(
    region: FakeRegion, members: dict[str, object], message: str
) -> None:
    request = {**TARGET, "MinCapacity": 0, "MaxCapacity": 1} | members
    with pytest.raises(AwsError, match=message) as rejected:
        region.autoscaling.call(
            "RegisterScalableTarget", {key: value for key, value in request.items() if value is not None}
        )
    assert (rejected.value.code, rejected.value.status) == ("ValidationException", HTTPStatus.BAD_REQUEST)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"PolicyName": None}, "Value null at 'policyName' failed to satisfy constraint"),
        ({"PolicyType": "SimpleScaling"}, r"enum value set: \[StepScaling, TargetTrackingScaling, PredictiveScaling\]"),
        (
            {"StepScalingPolicyConfiguration": {**STEPS, "AdjustmentType": "Double"}},
            r"enum value set: \[ChangeInCapacity",
        ),
        (
            {"StepScalingPolicyConfiguration": {**STEPS, "MetricAggregationType": "Sum"}},
            r"enum value set: \[Average, Minimum, Maximum\]",
        ),
        ({"TargetTrackingScalingPolicyConfiguration": {}}, "at 'targetTrackingScalingPolicyConfiguration.targetValue'"),
        (
            {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 5, "CustomizedMetricSpecification": "Load"}},
            "Invalid type for parameter TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification",
        ),
        (
            {
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 5,
                    "CustomizedMetricSpecification": {"Metrics": [{"Expression": "1"}]},
                }
            },
            "Value null at .*metrics.1.member.id' failed to satisfy constraint",
        ),
        (
            {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 5,
                    "CustomizedMetricSpecification": {"Metrics": [{"Id": "r"}]},
                },
            },
            "The query r must have exactly one of Expression and MetricStat",
        ),
    ],
)
def test_a_policy_that_does_not_fit_is_rejected(region: FakeRegion, members: dict[str, object], message: str) -> None:
    register(region, 0, 1)
    with pytest.raises(AwsError, match=message) as rejected:
        put_policy(region, **members)
    assert (rejected.value.code, rejected.value.status) == ("ValidationException", HTTPStatus.BAD_REQUEST)


def test_a_templates_texts_make_the_same_policy_as_numbers_and_booleans(region: FakeRegion) -> None:
    register(region, 0, 1)
    step = {"MetricIntervalLowerBound": "0", "ScalingAdjustment": "1"}
    stepping: dict[str, Any] = {**STEPS, "StepAdjustments": [step], "Cooldown": "120"}
    described = put_policy(region, StepScalingPolicyConfiguration=stepping)
    assert described == put_policy(region, StepScalingPolicyConfiguration={**STEPS, "Cooldown": 120})
    region.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "p"})
    tracking = {**TRACKING, "TargetValue": "5", "DisableScaleIn": "true", "ScaleInCooldown": "60"}
    kind = "TargetTrackingScaling"
    described = put_policy(region, PolicyType=kind, TargetTrackingScalingPolicyConfiguration=tracking)
    numbers = {**TRACKING, "DisableScaleIn": True, "ScaleInCooldown": 60}
    assert described == put_policy(region, TargetTrackingScalingPolicyConfiguration=numbers)


def test_a_template_may_write_the_times_of_a_scheduled_action_as_text(region: FakeRegion) -> None:
    register(region, 0, 1)
    action = {"ScheduledActionName": "start", "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": "1"}}
    times = {"StartTime": "2027-01-15T08:00:00Z", "EndTime": "1800003600"}
    region.autoscaling.call("PutScheduledAction", {**TARGET, **action, **times})
    response = region.autoscaling.call("DescribeScheduledActions", {"ServiceNamespace": "sagemaker"})
    (described,) = response["ScheduledActions"]
    assert (described["StartTime"], described["EndTime"]) == (1_800_000_000, 1_800_003_600)
