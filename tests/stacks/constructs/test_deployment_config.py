import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import JsonObject, TemplateWith, properties

ENDPOINT = "AWS::SageMaker::Endpoint"
TWO = {"endpoint__initial_instance_count": 2, "scaling__min_instances": 2}
SIZE = {"Type": "CAPACITY_PERCENT", "Value": 50}


@pytest.mark.parametrize(
    ("strategy", "routing"),
    [
        ("canary", {"Type": "CANARY", "CanarySize": SIZE, "WaitIntervalInSeconds": 300}),
        ("linear", {"Type": "LINEAR", "LinearStepSize": SIZE, "WaitIntervalInSeconds": 300}),
    ],
)
def test_traffic_moves_in_steps(endpoint_with: TemplateWith, strategy: str, routing: JsonObject) -> None:
    deployment = properties(endpoint_with(updates__strategy=strategy, **TWO), ENDPOINT)["DeploymentConfig"]
    assert deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == routing
    assert deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == 3600


def test_instances_may_be_replaced_one_part_after_the_other(endpoint_with: TemplateWith) -> None:
    deployment = properties(endpoint_with(updates__strategy="rolling", **TWO), ENDPOINT)["DeploymentConfig"]
    assert deployment["RollingUpdatePolicy"] == {
        "MaximumBatchSize": SIZE,
        "WaitIntervalInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }
    assert "BlueGreenUpdatePolicy" not in deployment


def test_live_capacity_is_retained_only_on_request(endpoint: Template, endpoint_with: TemplateWith) -> None:
    assert "RetainAllVariantProperties" not in properties(endpoint, ENDPOINT)
    assert properties(endpoint_with(updates__retain_capacity=True), ENDPOINT)["RetainAllVariantProperties"] is True
