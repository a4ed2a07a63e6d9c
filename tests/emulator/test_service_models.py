"""Requests are held against botocore's models; CloudFormation's texts become numbers and booleans first."""

from datetime import UTC, datetime

import pytest

from async_endpoint.emulator.errors import UnknownOperation, ValidationException
from async_endpoint.emulator.service_models import drop_unknown_members, operation, validated
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


@pytest.mark.parametrize(
    "moment", ["2027-01-15T08:00:00Z", "1800000000", 1_800_000_000, datetime(2027, 1, 15, 8, tzinfo=UTC)]
)
def test_times_become_epoch_seconds(moment: object) -> None:
    assert validated("sagemaker", "ListModels", {"CreationTimeAfter": moment}) == {"CreationTimeAfter": 1_800_000_000.0}


@pytest.mark.parametrize("value", ["inf", "nan", "much", True, float("inf"), float("nan")])
def test_a_value_that_is_not_a_finite_number_is_rejected(value: object) -> None:
    with pytest.raises(ValidationException, match="Invalid type for parameter Threshold"):
        validated("cloudwatch", "PutMetricAlarm", {"AlarmName": "a", "Threshold": value})


def test_a_value_that_is_not_a_time_is_rejected() -> None:
    with pytest.raises(ValidationException, match="Invalid type for parameter CreationTimeAfter"):
        validated("sagemaker", "ListModels", {"CreationTimeAfter": "yesterday, perhaps"})


def test_everything_that_has_no_place_in_the_model_is_reported_at_once() -> None:
    request = endpoint_config("c", "m", count="one")
    request["ProductionVariants"][0]["InitialVariantWeight"] = "heavy"
    del request["EndpointConfigName"]
    request["ProductionVariants"][0]["Colour"] = "green"
    with pytest.raises(ValidationException) as rejected:
        validated("sagemaker", "CreateEndpointConfig", request)
    message = rejected.value.message
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


def test_unknown_members_and_nulls_are_dropped_at_every_level() -> None:
    request = endpoint_config("c", "m")
    said = endpoint_config("c", "m")
    said["Colour"] = said["DataCaptureConfig"] = None
    said["ProductionVariants"][0] |= {"Colour": "green", "AcceleratorType": None}
    assert drop_unknown_members("sagemaker", "CreateEndpointConfig", said) == request
