"""Scalable targets and scaling policies in templates."""

from typing import Any

import pytest

from async_endpoint.emulator.errors import AwsError
from tests.emulator.api.cloudformation.resources import (
    ENDPOINT,
    SCALABLE_TARGET,
    SCALING_POLICY,
    TARGET,
    TARGET_ID,
    create_config,
    create_endpoint,
    create_scaling,
    described,
)
from tests.emulator.fakes import FakeRegion


def test_scheduled_actions_come_change_and_go_with_their_target(region: FakeRegion) -> None:
    create_endpoint(region)

    def at(hour: int, name: str) -> dict[str, object]:
        return {
            "ScheduledActionName": name,
            "Schedule": f"cron(0 {hour} ? * MON-FRI *)",
            "Timezone": "Asia/Tokyo",
            "ScalableTargetAction": {"MinCapacity": "1", "MaxCapacity": "2"},
        }

    def shown() -> dict[str, str]:
        answer = region.autoscaling.call("DescribeScheduledActions", {"ServiceNamespace": "sagemaker"})
        return {each["ScheduledActionName"]: each["Schedule"] for each in answer["ScheduledActions"]}

    old = {**TARGET, "MinCapacity": "0", "MaxCapacity": "2", "ScheduledActions": [at(8, "start"), at(19, "end")]}
    target_id, _ = SCALABLE_TARGET.create(region, "Target", old)
    assert shown() == {"start": "cron(0 8 ? * MON-FRI *)", "end": "cron(0 19 ? * MON-FRI *)"}
    new = {**old, "ScheduledActions": [at(9, "start")]}
    SCALABLE_TARGET.update(region, target_id, old, new)
    assert shown() == {"start": "cron(0 9 ? * MON-FRI *)"}
    SCALABLE_TARGET.delete(region, target_id, new)
    assert shown() == {}


def test_scaling_is_created_updated_and_deleted(region: FakeRegion) -> None:
    create_endpoint(region)
    target_id, arn, policy = create_scaling(region)
    SCALABLE_TARGET.update(region, target_id, {}, {**TARGET, "MinCapacity": "0", "MaxCapacity": "7"})
    (target,) = region.autoscaling.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 7)

    configuration = {**policy["StepScalingPolicyConfiguration"], "Cooldown": "60"}
    changed = {**policy, "StepScalingPolicyConfiguration": configuration}
    assert SCALING_POLICY.update(region, arn, policy, changed) == (arn, {"Arn": arn})
    (found,) = region.autoscaling.call("DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"})["ScalingPolicies"]
    assert found["StepScalingPolicyConfiguration"]["Cooldown"] == 60

    SCALING_POLICY.delete(region, arn, changed)
    SCALABLE_TARGET.delete(region, target_id, {})
    answer = region.autoscaling.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})
    assert answer["ScalableTargets"] == []


@pytest.mark.parametrize("change", [{"variant": "Other"}, {"instance_type": "ml.g5.xlarge"}])
def test_another_variant_or_instance_type_is_rejected_while_the_variant_is_scaled(
    region: FakeRegion, change: dict[str, Any]
) -> None:
    physical_id, old = create_endpoint(region)
    create_scaling(region)
    new = {**old, "EndpointConfigName": create_config(region, **change)[1]}
    with pytest.raises(AwsError, match="An Application AutoScaling scalable target exists for variant AllTraffic"):
        ENDPOINT.update(region, physical_id, old, new)
    assert described(region)["EndpointStatus"] == "InService"
    SCALABLE_TARGET.delete(region, TARGET_ID, {})
    ENDPOINT.update(region, physical_id, old, new)
    assert described(region)["EndpointConfigName"] == new["EndpointConfigName"]


def test_deleting_an_endpoint_deregisters_its_scalable_target(region: FakeRegion) -> None:
    physical_id, properties = create_endpoint(region)
    create_scaling(region)
    ENDPOINT.delete(region, physical_id, properties)
    assert not region.autoscaling.is_registered(TARGET["ResourceId"])
