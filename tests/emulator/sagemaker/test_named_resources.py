"""Models and endpoint configs, stored by name."""

from typing import Any

import pytest

from tests.emulator.fakes import endpoint_config, model
from tests.emulator.sagemaker.calls import ARN, Client, rejection


def test_a_model_as_it_was_created(sagemaker: Client, name: str) -> None:
    described = sagemaker.describe_model(ModelName=name)
    assert described["ModelArn"] == f"{ARN}:model/{name}"
    assert described["PrimaryContainer"] == model(name, "s3://no-such-bucket/model.tar.gz")["PrimaryContainer"]
    assert described["EnableNetworkIsolation"] is False


def test_an_endpoint_config_as_it_was_created(sagemaker: Client, name: str) -> None:
    described = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    wanted = endpoint_config(name, name)
    assert described["EndpointConfigArn"] == f"{ARN}:endpoint-config/{name}"
    assert {key: described[key] for key in wanted} == wanted


def test_a_variant_has_the_machine_image_that_it_was_given(sagemaker: Client, name: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    config["ProductionVariants"][0]["InferenceAmiVersion"] = "al2-ami-sagemaker-inference-gpu-3-1"
    sagemaker.create_endpoint_config(**config)
    described = sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-2")
    assert described["ProductionVariants"] == config["ProductionVariants"]


def test_a_variant_without_a_weight_has_the_default(sagemaker: Client, name: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    del config["ProductionVariants"][0]["InitialVariantWeight"]
    sagemaker.create_endpoint_config(**config)
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-2")["ProductionVariants"]
    assert variant["InitialVariantWeight"] == 1.0


def test_a_name_is_unique(sagemaker: Client, failed: str) -> None:
    create: list[tuple[Any, dict[str, Any], str]] = [
        (sagemaker.create_model, model(failed), "model"),
        (sagemaker.create_endpoint_config, endpoint_config(failed, failed), "endpoint configuration"),
        (sagemaker.create_endpoint, {"EndpointName": failed, "EndpointConfigName": failed}, "endpoint"),
    ]
    for call, members, noun in create:
        arn = f"{ARN}:{noun.replace('configuration', 'config').replace(' ', '-')}/{failed}"
        assert rejection(call, **members) == ("ValidationException", f'Cannot create already existing {noun} "{arn}".')


@pytest.mark.parametrize(
    ("operation", "members", "noun"),
    [
        ("describe_model", {"ModelName": "x"}, "model"),
        ("delete_model", {"ModelName": "x"}, "model"),
        ("describe_endpoint_config", {"EndpointConfigName": "x"}, "endpoint configuration"),
        ("delete_endpoint_config", {"EndpointConfigName": "x"}, "endpoint configuration"),
        ("create_endpoint", {"EndpointName": "e", "EndpointConfigName": "x"}, "endpoint configuration"),
        ("create_endpoint_config", endpoint_config("c", "x"), "model"),
        ("describe_endpoint", {"EndpointName": "x"}, "endpoint"),
        ("update_endpoint", {"EndpointName": "x", "EndpointConfigName": "c"}, "endpoint"),
        ("delete_endpoint", {"EndpointName": "x"}, "endpoint"),
        (
            "update_endpoint_weights_and_capacities",
            {"EndpointName": "x", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredInstanceCount": 1}]},
            "endpoint",
        ),
    ],
)
def test_unknown_resources_are_not_found(sagemaker: Client, operation: str, members: dict[str, Any], noun: str) -> None:
    arn = f"{ARN}:{noun.replace('configuration', 'config').replace(' ', '-')}/x"
    assert rejection(getattr(sagemaker, operation), **members) == (
        "ValidationException",
        f'Could not find {noun} "{arn}".',
    )
