"""Models, endpoint configs and endpoints in templates, whose instances are threads."""

import re
import threading

import pytest

from async_endpoint.emulator.api.cloudformation import RESOURCE_TYPES
from async_endpoint.emulator.errors import AwsError
from tests.emulator.api.cloudformation.resources import (
    ARN,
    CONFIG,
    ENDPOINT,
    MODEL,
    SCALABLE_TARGET,
    SCALING_POLICY,
    TARGET_ID,
    create_config,
    create_endpoint,
    create_model_name,
    described,
    properties_of_config,
    properties_of_model,
)
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, eventually


def test_names_are_generated_from_logical_ids_within_sagemakers_63_characters(region: FakeRegion) -> None:
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
