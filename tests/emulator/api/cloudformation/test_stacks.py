"""Stacks with the added resource types, on a running local AWS."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import Running, end_of_stack
from tests.emulator.fakes import endpoint_config, model


def resources_of(name: str, count: str) -> dict[str, Any]:
    """The resources of a model and an endpoint config; numbers are texts."""
    variant = {"ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}, "InitialInstanceCount": count}
    config = endpoint_config(name, "")
    config["ProductionVariants"][0].update(variant)
    made = {key: value for key, value in model("", "s3://no-such-bucket/model.tar.gz").items() if key != "ModelName"}
    return {
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": made},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
    }


def test_a_templates_texts_are_numbers_to_the_api(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    status, reasons = end_of_stack(running, resources_of(name, "2"))
    assert status == "CREATE_COMPLETE", reasons
    config = running.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_a_text_that_is_no_number_fails_the_stack_with_botocores_report(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    status, reasons = end_of_stack(running, resources_of(name, "two"))
    assert status == "ROLLBACK_COMPLETE"
    assert any("Invalid type for parameter ProductionVariants[0].InitialInstanceCount" in text for text in reasons)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        running.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)


def test_an_endpoint_that_fails_rolls_the_stack_back_and_leaves_nothing(running: Running) -> None:
    name = f"c-{uuid.uuid4().hex[:12]}"
    resources = resources_of(name, "1")
    resources["Endpoint"] = {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {"EndpointName": name, "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
    }
    status, reasons = end_of_stack(running, resources)
    assert status == "ROLLBACK_COMPLETE"
    assert any("Could not find model data" in text for text in reasons)
    sagemaker = running.client("sagemaker")
    assert sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    assert sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []
