"""Requests are held against botocore's models; CloudFormation's texts become numbers and booleans first."""

import pytest

from async_endpoint.emulator.errors import UnknownOperation, ValidationException
from async_endpoint.emulator.service_models import operation, received, validated
from tests.emulator.fakes import endpoint_config


def test_texts_become_numbers_deep_inside() -> None:
    request = endpoint_config("c", "m", count="2")
    request["ProductionVariants"][0]["InitialVariantWeight"] = "0.5"
    request["AsyncInferenceConfig"]["ClientConfig"]["MaxConcurrentInvocationsPerInstance"] = "3"
    typed = validated("sagemaker", "CreateEndpointConfig", request)
    variant = typed["ProductionVariants"][0]
    assert (variant["InitialInstanceCount"], variant["InitialVariantWeight"]) == (2, 0.5)
    assert typed["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 3}


def test_texts_become_booleans() -> None:
    typed = validated(
        "sagemaker",
        "UpdateEndpoint",
        {"EndpointName": "e", "EndpointConfigName": "1", "RetainAllVariantProperties": "True"},
    )
    assert typed == {"EndpointName": "e", "EndpointConfigName": "1", "RetainAllVariantProperties": True}


def test_whole_numbers_become_floats_where_the_model_has_floats() -> None:
    configuration = {"TargetValue": 5, "CustomizedMetricSpecification": {"Statistic": "Average"}}
    request = {
        "PolicyName": "p",
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "TargetTrackingScalingPolicyConfiguration": configuration,
    }
    typed = validated("application-autoscaling", "PutScalingPolicy", request)
    assert isinstance(typed["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], float)


def test_everything_that_has_no_place_in_the_model_is_reported_at_once() -> None:
    request = endpoint_config("c", "m", count="one")
    request["ProductionVariants"][0]["InitialVariantWeight"] = "heavy"
    del request["EndpointConfigName"]
    request["ProductionVariants"][0]["Colour"] = "green"
    with pytest.raises(ValidationException) as refused:
        validated("sagemaker", "CreateEndpointConfig", request)
    message = refused.value.message
    assert message.startswith("CreateEndpointConfig: ")
    assert "Invalid type for parameter ProductionVariants[0].InitialVariantWeight, value: heavy" in message
    assert "EndpointConfigName" not in message
    assert "Invalid type for parameter ProductionVariants[0].InitialInstanceCount, value: one" in message
    assert 'Unknown parameter in ProductionVariants[0]: "Colour"' in message


def test_an_operation_that_the_service_does_not_have() -> None:
    with pytest.raises(UnknownOperation, match="does not implement sagemaker:CreateUnicorn"):
        operation("sagemaker", "CreateUnicorn")


def test_a_services_model_is_loaded_once_for_all_of_its_operations() -> None:
    first, second = operation("sagemaker", "CreateModel"), operation("sagemaker", "DeleteModel")
    assert first.service_model is second.service_model


def test_what_is_unknown_or_null_is_passed_over_also_deep_inside() -> None:
    request = endpoint_config("c", "m")
    said = endpoint_config("c", "m")
    said["Colour"] = said["DataCaptureConfig"] = None
    said["ProductionVariants"][0] |= {"Colour": "green", "AcceleratorType": None}
    assert received("sagemaker", "CreateEndpointConfig", said) == request
