"""Application Auto Scaling's operations, on endpoints whose instances are threads and through boto3."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.cloudwatch.errors import CapacityError
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.api.alarm_settings import refusal
from async_endpoint.emulator.api.application_autoscaling import VariantCapacities, handle
from async_endpoint.emulator.errors import AwsError
from tests.emulator.conftest import Running
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, eventually, fake_region

RESOURCE = "endpoint/receipts/variant/AllTraffic"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
Client = Any  # boto3 makes its clients at run time


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        region.create("receipts")
        yield region


@pytest.fixture(scope="module")
def client(running: Running) -> Client:
    return running.client("application-autoscaling")


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


def test_a_refused_change_is_a_failed_activity() -> None:
    capacities = VariantCapacities(lambda _: None)
    with pytest.raises(CapacityError, match=f"SageMaker resource {RESOURCE} does not exist."):
        capacities.set_desired(RESOURCE, 1)


@pytest.mark.parametrize("resource", ["endpoint/other/variant/AllTraffic", "endpoint/receipts/variant/Other"])
def test_a_variant_that_does_not_exist_is_no_target(region: FakeRegion, resource: str) -> None:
    request = {**TARGET, "ResourceId": resource, "MinCapacity": 0, "MaxCapacity": 1}
    with pytest.raises(AwsError, match=f"SageMaker resource {resource} does not exist.") as refused:
        region.autoscaling.call("RegisterScalableTarget", request)
    assert (refused.value.code, refused.value.status) == ("ValidationException", 400)


def test_capacities_are_changed_one_at_a_time(region: FakeRegion) -> None:
    region.launches.prepared = [FakeInstance(ready=False)]
    capacities = VariantCapacities(region.sagemaker.endpoint)
    capacities.set_desired(RESOURCE, 2)
    assert capacities.is_updating(RESOURCE)
    assert capacities.desired(RESOURCE) == 2
    with pytest.raises(CapacityError, match="Cannot update in-progress endpoint"):
        capacities.set_desired(RESOURCE, 3)


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


def test_a_change_that_came_about_has_no_failure(region: FakeRegion) -> None:
    capacities = VariantCapacities(region.sagemaker.endpoint)
    capacities.set_desired(RESOURCE, 2)
    assert region.endpoint("receipts").wait(LIMIT)
    assert (capacities.running(RESOURCE), capacities.failure(RESOURCE)) == (2, None)


def test_a_variant_that_is_not_there_runs_nothing() -> None:
    capacities = VariantCapacities(lambda _: None)
    for ask in (capacities.running, capacities.failure):
        with pytest.raises(CapacityError, match=f"SageMaker resource {RESOURCE} does not exist."):
            ask(RESOURCE)


def test_a_scale_out_goes_on_in_the_next_life(region: FakeRegion, tmp_path: Path) -> None:
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
    assert [refusal(alarm) for alarm in alarms] == [None, None]
    assert [alarm["Metrics"][1]["MetricStat"]["Period"] for alarm in alarms] == [60, 60]


def test_tags_of_a_scalable_target(region: FakeRegion) -> None:
    call = region.autoscaling.call
    request = {**TARGET, "MinCapacity": 0, "MaxCapacity": 1, "Tags": {"stage": "dev"}}
    arn = call("RegisterScalableTarget", request)["ScalableTargetARN"]
    register(region, 0, 2)
    with pytest.raises(AwsError, match="The scalable target that you tried to tag already exists") as refused:
        call("RegisterScalableTarget", request)
    assert (refused.value.code, refused.value.status) == ("ValidationException", 400)
    assert call("ListTagsForResource", {"ResourceARN": arn}) == {"Tags": {"stage": "dev"}}
    call("TagResource", {"ResourceARN": arn, "Tags": {"stage": "prod", "team": "a"}})
    call("UntagResource", {"ResourceARN": arn, "TagKeys": ["team", "other"]})
    assert call("ListTagsForResource", {"ResourceARN": arn}) == {"Tags": {"stage": "prod"}}


@pytest.mark.parametrize("by_deletion", [False, True])
def test_what_is_no_scalable_target_any_more_has_no_tags(region: FakeRegion, by_deletion: bool) -> None:  # noqa: FBT001 - a parameter of the test
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
        with pytest.raises(AwsError) as refused:
            region.autoscaling.call(operation, {"ResourceARN": arn, **members})
        assert (refused.value.code, refused.value.status) == ("ResourceNotFoundException", 400)


def test_an_answer_is_json_with_the_errors_name_where_one_is(region: FakeRegion) -> None:
    headers = {"x-amz-target": "AnyScaleFrontendService.DeregisterScalableTarget"}
    status, answered, body = handle(region, "/", headers, json.dumps(TARGET).encode())
    assert (status, answered["x-amzn-errortype"]) == (400, "ObjectNotFoundException")
    assert json.loads(body)["message"].startswith("No scalable target found for service namespace: sagemaker")
    headers = {"x-amz-target": "AnyScaleFrontendService.DescribeScalableTargets"}
    assert handle(region, "/", headers, b'{"ServiceNamespace": "sagemaker"}')[2] == b'{"ScalableTargets": []}'


def test_through_boto3(client: Client) -> None:
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert client.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"] == []
    assert client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    with pytest.raises(ClientError) as refused:
        client.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=1)
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": f"SageMaker resource {RESOURCE} does not exist.",
    }
    with pytest.raises(ClientError, match="No scalable target registered"):
        client.put_scheduled_action(**TARGET, ScheduledActionName="nightly", Schedule="cron(0 22 * * ? *)")
    with pytest.raises(ClientError, match="does not implement application-autoscaling:GetPredictiveScalingForecast"):
        client.get_predictive_scaling_forecast(
            **TARGET,
            PolicyName="p",
            StartTime=datetime(2027, 1, 1, tzinfo=UTC),
            EndTime=datetime(2027, 1, 2, tzinfo=UTC),
        )
