"""A fleet is as large as scaling and an update together can make it."""

from __future__ import annotations

from typing import Any

import pytest

from async_endpoint.operations.preflight.fleets import fleets


def endpoint(deployment: dict[str, Any] | None, *variants: dict[str, Any], **target: Any) -> dict[str, Any]:
    """The resources of an endpoint, and of a scalable target if there are properties of one."""
    properties: dict[str, Any] = {
        "EndpointName": "e",
        "EndpointConfigName": {"Fn::GetAtt": ["C", "EndpointConfigName"]},
    }
    if deployment is not None:
        properties["DeploymentConfig"] = deployment
    found: dict[str, Any] = {
        "E": {"Type": "AWS::SageMaker::Endpoint", "Properties": properties},
        "C": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": list(variants)}},
    }
    if target:
        resource_id = {"Fn::Join": ["", ["endpoint/", {"Fn::GetAtt": ["E", "EndpointName"]}, "/variant/V"]]}
        found["T"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"ResourceId": resource_id, **target},
        }
    return {"Resources": found}


def variant(**members: Any) -> dict[str, Any]:
    return {"VariantName": "V", "InitialInstanceCount": 1, "InstanceType": "ml.g4dn.xlarge", **members}


ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 30}}}


@pytest.mark.parametrize(
    ("template", "initial", "most", "updating"),
    [
        (endpoint(None, variant(), MinCapacity=0, MaxCapacity=4), 1, 4, 8),
        (endpoint({"BlueGreenUpdatePolicy": {}}, variant(InitialInstanceCount=3)), 3, 3, 6),
        (endpoint(ROLLING, variant(), MaxCapacity=4), 1, 4, 6),
        (
            endpoint(
                {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}},
                variant(),
                MaxCapacity=4,
            ),
            1,
            4,
            5,
        ),
        (
            endpoint(None, variant(), MaxCapacity=2, ScheduledActions=[{"ScalableTargetAction": {"MaxCapacity": 6}}]),
            1,
            6,
            12,
        ),
    ],
    ids=["blue/green by default", "without scaling", "rolling by percent", "rolling by count", "a scheduled maximum"],
)
def test_a_fleet_is_as_large_as_scaling_and_an_update_together_may_make_it(
    template: dict[str, Any], initial: int, most: int, updating: int
) -> None:
    (fleet,) = fleets(template)
    assert (fleet.initial, fleet.most, fleet.updating) == (initial, most, updating)
    assert fleet.endpoint == "e"


def test_a_target_of_another_variant_does_not_count() -> None:
    (fleet,) = fleets(endpoint(None, variant(VariantName="W"), MaxCapacity=9))
    assert fleet.most == 1


def test_pools_give_their_types_in_the_order_in_which_they_are_tried() -> None:
    pools = [{"InstanceType": "ml.g5.xlarge", "Priority": 2}, {"InstanceType": "ml.g4dn.xlarge", "Priority": 1}]
    pooled = {key: value for key, value in variant(InstancePools=pools).items() if key != "InstanceType"}
    (fleet,) = fleets(endpoint(None, pooled))
    assert fleet.instance_types == ("ml.g4dn.xlarge", "ml.g5.xlarge")
