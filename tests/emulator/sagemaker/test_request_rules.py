"""Requests that the models allow, and SageMaker or the local AWS rejects."""

import uuid
from typing import Any

import pytest

from tests.emulator.fakes import endpoint_config, eventually, model
from tests.emulator.sagemaker.calls import Client, rejection, status


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AsyncInferenceConfig": None}, "The local AWS hosts asynchronous endpoints: give an AsyncInferenceConfig."),
        ({"ProductionVariants": 2}, "The local AWS hosts endpoints of exactly one production variant."),
        ({"ShadowProductionVariants": 1}, "Asynchronous endpoints take no shadow variants."),
        ({"ModelName": None}, "The variant AllTraffic has no ModelName: give one."),
        ({"InstanceType": None}, "The variant AllTraffic has no InstanceType: give one."),
        ({"InitialInstanceCount": None}, "The variant AllTraffic has no InitialInstanceCount: give one."),
        ({"InstanceType": "ml.inf1.xlarge"}, "Asynchronous endpoints do not run on ml.inf1.xlarge"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}},
            "The variant AllTraffic is serverless, which asynchronous endpoints cannot be.",
        ),
        (
            {"InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-9"},
            (
                "Value 'al2-ami-sagemaker-inference-gpu-9' at 'productionVariants.1.member.inferenceAmiVersion' "
                "failed to satisfy constraint: Member must satisfy enum value set: ["
            ),
        ),
        ({"S3OutputPath": "https://results"}, "Invalid S3OutputPath: 'https://results' is not a "),
        (
            {"S3OutputPath": "results"},
            (
                "Value 'results' at 'asyncInferenceConfig.outputConfig.s3OutputPath' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: "
            ),
        ),
    ],
)
def test_invalid_configs_are_rejected(sagemaker: Client, name: str, change: dict[str, Any], message: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    ((member, value),) = change.items()
    match member:
        case "AsyncInferenceConfig":
            del config["AsyncInferenceConfig"]
        case "ProductionVariants":
            config["ProductionVariants"] *= 2
        case "ShadowProductionVariants":
            config["ShadowProductionVariants"] = config["ProductionVariants"]
        case "S3OutputPath":
            config["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] = value
        case _ if value is None:
            del config["ProductionVariants"][0][member]
        case _:
            config["ProductionVariants"][0][member] = value
    code, text = rejection(sagemaker.create_endpoint_config, **config)
    assert code == "ValidationException"
    assert message in text


def test_a_missing_model_is_reported_before_what_the_local_aws_lacks(sagemaker: Client) -> None:
    config = endpoint_config("c", "no-such-model")
    del config["AsyncInferenceConfig"]
    assert rejection(sagemaker.create_endpoint_config, **config)[1].startswith("Could not find model ")


def test_a_model_of_one_container_may_name_it_either_way(sagemaker: Client) -> None:
    name = f"contained-{uuid.uuid4().hex[:12]}"
    request = model(name)
    container = request.pop("PrimaryContainer")
    for members, message in (
        ({"PrimaryContainer": container, "Containers": [container]}, "either a PrimaryContainer or Containers"),
        ({"Containers": [container, container]}, "serves models of one container, not 2: give a PrimaryContainer."),
        ({}, "serves models of one container, not 0: give a PrimaryContainer."),
    ):
        assert message in rejection(sagemaker.create_model, **request, **members)[1]
    sagemaker.create_model(**request, Containers=[container])
    assert sagemaker.describe_model(ModelName=name)["Containers"] == [container]
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    eventually(lambda: status(sagemaker, name) == "Failed", "its instance was asked for the archive")
    assert "s3://models/model.tar.gz" in sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
