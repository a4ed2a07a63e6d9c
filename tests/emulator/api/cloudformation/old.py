"""CloudFormation's handlers on endpoints whose instances are threads, and stacks on a running local AWS."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.api.cloudformation import RESOURCE_TYPES
from async_endpoint.emulator.errors import AwsError
from tests.emulator.conftest import Running
from tests.emulator.fakes import (
    ACCOUNT,
    LIMIT,
    REGION,
    FakeInstance,
    FakeRegion,
    endpoint_config,
    eventually,
    fake_region,
    model,
)

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TARGET_ID = "endpoint/receipts/variant/AllTraffic|sagemaker:variant:DesiredInstanceCount|sagemaker"

MODEL, CONFIG, ENDPOINT = (
    RESOURCE_TYPES[f"AWS::SageMaker::{kind}"].handler for kind in ("Model", "EndpointConfig", "Endpoint")
)
SCALABLE_TARGET, SCALING_POLICY = (
    RESOURCE_TYPES[f"AWS::ApplicationAutoScaling::{kind}"].handler for kind in ("ScalableTarget", "ScalingPolicy")
)


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        yield region


def properties_of_model() -> dict[str, Any]:
    return {key: value for key, value in model("").items() if key != "ModelName"}


def properties_of_config(model_name: str, **changes: Any) -> dict[str, Any]:
    config = endpoint_config("", model_name, count="1", **changes)
    return {key: value for key, value in config.items() if key != "EndpointConfigName"}


def create_config(region: FakeRegion, **changes: Any) -> tuple[str, str]:
    """Physical id and name of an endpoint config with a model of its own, as a template without names makes it."""
    _, made = MODEL.create(region, "ServingModel", properties_of_model())
    physical_id, attributes = CONFIG.create(
        region, "EndpointConfig", properties_of_config(made["ModelName"], **changes)
    )
    return physical_id, attributes["EndpointConfigName"]


def create_endpoint(region: FakeRegion) -> tuple[str, dict[str, Any]]:
    """Physical id and properties of an endpoint."""
    properties = {"EndpointName": "receipts", "EndpointConfigName": create_config(region)[1]}
    physical_id, attributes = ENDPOINT.create(region, "Endpoint", properties)
    assert (physical_id, attributes) == (f"{ARN}:endpoint/receipts", {"EndpointName": "receipts"})
    return physical_id, properties


def described(region: FakeRegion) -> dict[str, Any]:
    return region.sagemaker.call("DescribeEndpoint", {"EndpointName": "receipts"})


def test_names_are_made_from_logical_ids_within_sagemakers_63_characters(region: FakeRegion) -> None:
    physical_id, attributes = MODEL.create(region, "Serving" * 12, properties_of_model())
    name = attributes["ModelName"]
    assert re.fullmatch(r"(Serving){7}S-[0-9a-f]{12}", name)
    assert len(name) == 63
    assert physical_id == attributes["ModelArn"] == f"{ARN}:model/{name}"


def test_an_endpoint_is_created_when_it_serves(region: FakeRegion) -> None:
    create_endpoint(region)
    assert described(region)["EndpointStatus"] == "InService"
    assert described(region)["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def test_an_endpoint_that_does_not_come_up_is_reported_and_removed(region: FakeRegion) -> None:
    region.launches.prepared = [FakeInstance(failure="RuntimeError: no weights")]
    with pytest.raises(ValueError, match=r"receipts failed to stabilize: .* RuntimeError: no weights"):
        create_endpoint(region)
    assert region.is_gone("receipts")
    assert region.launches.running == []


def test_an_update_in_place_and_the_old_config_deleted_after_it(region: FakeRegion) -> None:
    physical_id, old = create_endpoint(region)
    new = {**old, "EndpointConfigName": create_config(region)[1]}
    assert ENDPOINT.update(region, physical_id, old, new) == (physical_id, {"EndpointName": "receipts"})
    assert described(region)["EndpointConfigName"] == new["EndpointConfigName"]
    CONFIG.delete(region, f"{ARN}:endpoint-config/{old['EndpointConfigName']}", {})
    with pytest.raises(AwsError, match="Could not find endpoint configuration"):
        region.sagemaker.call("DescribeEndpointConfig", {"EndpointConfigName": old["EndpointConfigName"]})
    assert described(region)["EndpointStatus"] == "InService"
    assert len(region.launches.running) == 1


def test_an_update_that_fails_is_reported_and_can_be_rolled_back(region: FakeRegion) -> None:
    physical_id, old = create_endpoint(region)
    (serving,) = region.launches.running
    new = {**old, "EndpointConfigName": create_config(region)[1]}
    region.launches.prepared = [FakeInstance(failure="RuntimeError: no weights")]
    with pytest.raises(ValueError, match=r"receipts failed to stabilize: .* RuntimeError: no weights"):
        ENDPOINT.update(region, physical_id, old, new)
    assert described(region)["EndpointStatus"] == "InService"
    assert described(region)["EndpointConfigName"] == old["EndpointConfigName"]
    # CloudFormation's rollback goes back to what serves already: nothing is to be done, and nothing restarts.
    ENDPOINT.update(region, physical_id, new, old)
    assert region.launches.running == [serving]


def test_a_change_of_tags_restarts_nothing_and_keeps_the_names(region: FakeRegion) -> None:
    physical_id, old = create_endpoint(region)
    tagged = {**old, "Tags": [{"Key": "stage", "Value": "dev"}, {"Key": "team", "Value": "a"}]}
    ENDPOINT.update(region, physical_id, old, tagged)
    retagged = {**old, "Tags": [{"Key": "stage", "Value": "prod"}]}
    ENDPOINT.update(region, physical_id, tagged, retagged)
    assert region.sagemaker.call("ListTags", {"ResourceArn": physical_id})["Tags"] == retagged["Tags"]
    assert len(region.launches.made) == 1

    for handler, kind, path, properties in (
        (MODEL, "Model", "model", properties_of_model()),
        (CONFIG, "EndpointConfig", "endpoint-config", properties_of_config(create_model_name(region))),
    ):
        made, attributes = handler.create(region, "Logical", properties)
        assert handler.update(region, made, properties, {**properties, "Tags": retagged["Tags"]}) == (made, attributes)
        assert made == f"{ARN}:{path}/{attributes[f'{kind}Name']}"
        assert region.sagemaker.call("ListTags", {"ResourceArn": made})["Tags"] == retagged["Tags"]


def create_model_name(region: FakeRegion) -> str:
    return MODEL.create(region, "ServingModel", properties_of_model())[1]["ModelName"]


def test_everything_but_tags_replaces_models_and_configs() -> None:
    for name, given in (("Model", properties_of_model()), ("EndpointConfig", properties_of_config("m"))):
        replacing = RESOURCE_TYPES[f"AWS::SageMaker::{name}"].replacing
        assert set(given) <= set(replacing)
        assert "Tags" not in replacing
    assert RESOURCE_TYPES["AWS::SageMaker::Endpoint"].replacing == ("EndpointName",)
    assert RESOURCE_TYPES["AWS::SageMaker::Endpoint"].blocks


def test_deletion_waits_for_a_transition_and_for_the_instances_to_be_gone(region: FakeRegion) -> None:
    physical_id, properties = create_endpoint(region)
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.endpoint("receipts").set_capacity(2)
    deletion = threading.Thread(target=ENDPOINT.delete, args=(region, physical_id, properties))
    deletion.start()
    eventually(slow.started.is_set, "the second instance starts")
    assert described(region)["EndpointStatus"] == "Updating"
    slow.ready.set()
    deletion.join(LIMIT)
    assert not deletion.is_alive()
    assert region.is_gone("receipts")
    assert region.launches.running == []


def test_deleting_what_is_gone_already(region: FakeRegion) -> None:
    ENDPOINT.delete(region, f"{ARN}:endpoint/receipts", {})
    CONFIG.delete(region, f"{ARN}:endpoint-config/x", {})
    MODEL.delete(region, f"{ARN}:model/x", {})
    SCALABLE_TARGET.delete(region, TARGET_ID, {})
    SCALING_POLICY.delete(region, "arn", {"PolicyName": "p", "ScalingTargetId": TARGET_ID})


def create_scaling(region: FakeRegion) -> tuple[str, str, dict[str, Any]]:
    """Ids of a scalable target and of a policy, whose properties come third; numbers are texts, as in a template."""
    target_id, attributes = SCALABLE_TARGET.create(
        region, "Target", {**TARGET, "MinCapacity": "0", "MaxCapacity": "3", "RoleARN": "arn:aws:iam::1:role/r"}
    )
    assert (target_id, attributes) == (TARGET_ID, {"Id": TARGET_ID})
    adjustment = {"MetricIntervalLowerBound": "0", "ScalingAdjustment": "1"}
    properties = {
        "PolicyName": "wake",
        "PolicyType": "StepScaling",
        "ScalingTargetId": target_id,
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": "300",
            "MetricAggregationType": "Average",
            "StepAdjustments": [adjustment],
        },
    }
    arn, attributes = SCALING_POLICY.create(region, "Policy", properties)
    assert attributes == {"Arn": arn}
    return target_id, arn, properties


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
def test_another_variant_or_instance_type_is_refused_while_the_variant_is_scaled(
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


def test_deleting_an_endpoint_takes_its_scalable_target_with_it(region: FakeRegion) -> None:
    physical_id, properties = create_endpoint(region)
    create_scaling(region)
    ENDPOINT.delete(region, physical_id, properties)
    assert not region.autoscaling.is_registered(TARGET["ResourceId"])


# -- stacks ------------------------------------------------------------------------------------------------------


def deploy(running: Running, template: dict[str, Any]) -> tuple[str, list[str]]:
    """Final status of a new stack, and the reasons of whatever failed."""
    cloudformation = running.client("cloudformation")
    stack = f"stack-{uuid.uuid4().hex[:12]}"
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))

    def final() -> str:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return "" if status.endswith("IN_PROGRESS") else str(status)

    status = eventually(final, "the stack's final status")
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return status, reasons


def template_of(name: str, count: str) -> dict[str, Any]:
    """A model, an endpoint config and, by the parameter's leave, an endpoint; numbers are texts."""
    variant = {"ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}, "InitialInstanceCount": count}
    config = endpoint_config(name, "")
    config["ProductionVariants"][0].update(variant)
    made = {key: value for key, value in model("", "s3://no-such-bucket/model.tar.gz").items() if key != "ModelName"}
    return {
        "Resources": {
            "Model": {"Type": "AWS::SageMaker::Model", "Properties": made},
            "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        }
    }


def test_a_templates_texts_are_numbers_to_the_api(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    status, reasons = deploy(running, template_of(name, "2"))
    assert (status, reasons) == ("CREATE_COMPLETE", [])
    config = running.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_a_text_that_is_no_number_fails_the_stack_with_botocores_report(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    status, reasons = deploy(running, template_of(name, "two"))
    assert status == "ROLLBACK_COMPLETE"
    assert any("Invalid type for parameter ProductionVariants[0].InitialInstanceCount" in text for text in reasons)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        running.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)


def test_an_endpoint_that_fails_rolls_the_stack_back_and_leaves_nothing(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    template = template_of(name, "1")
    template["Resources"]["Endpoint"] = {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {"EndpointName": name, "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
    }
    status, reasons = deploy(running, template)
    assert status == "ROLLBACK_COMPLETE"
    assert any("Could not find model data" in text for text in reasons)
    sagemaker = running.client("sagemaker")
    assert sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    assert sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []
