"""The handlers of resource types, and resources as a template without names makes them."""

from typing import Any

from async_endpoint.emulator.api.cloudformation import RESOURCE_TYPES
from tests.emulator.fakes import ACCOUNT, REGION, FakeRegion, endpoint_config, model

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


def create_model_name(region: FakeRegion) -> str:
    return MODEL.create(region, "ServingModel", properties_of_model())[1]["ModelName"]


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
