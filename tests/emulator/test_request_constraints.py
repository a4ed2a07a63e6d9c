"""A request that breaks a constraint of a service's model is rejected in AWS's words."""

from typing import Any

import pytest

from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.request_constraints import broken_constraints
from async_endpoint.emulator.service_models import operation, validated
from tests.emulator.fakes import endpoint_config

FAILED = "failed to satisfy constraint: Member must"


def config(**changes: Any) -> dict[str, Any]:
    """An endpoint config whose variant is changed; None takes a member out."""
    request = endpoint_config("c", "m")
    variant = request["ProductionVariants"][0] | changes
    request["ProductionVariants"] = [{name: value for name, value in variant.items() if value is not None}]
    return request


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (config(VariantName=None), f"Value null at 'productionVariants.1.member.variantName' {FAILED} not be null"),
        (
            config(ContainerStartupHealthCheckTimeoutInSeconds=59),
            (
                "Value '59' at 'productionVariants.1.member.containerStartupHealthCheckTimeoutInSeconds' "
                f"{FAILED} have value greater than or equal to 60"
            ),
        ),
        (
            config(ModelDataDownloadTimeoutInSeconds=3601),
            (
                "Value '3601' at 'productionVariants.1.member.modelDataDownloadTimeoutInSeconds' "
                f"{FAILED} have value less than or equal to 3600"
            ),
        ),
        (
            config() | {"ProductionVariants": []},
            f"Value '[]' at 'productionVariants' {FAILED} have length greater than or equal to 1",
        ),
        (
            config(AcceleratorType="ml.none"),
            (
                "Value 'ml.none' at 'productionVariants.1.member.acceleratorType' "
                f"{FAILED} satisfy enum value set: "
                "[ml.eia1.medium, ml.eia1.large, ml.eia1.xlarge, ml.eia2.medium, ml.eia2.large, ml.eia2.xlarge]"
            ),
        ),
        (
            config() | {"EndpointConfigName": "c-"},
            (
                f"Value 'c-' at 'endpointConfigName' {FAILED} satisfy regular expression pattern: "
                "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
            ),
        ),
    ],
)
def test_a_constraint_that_is_broken(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as rejected:
        validated("sagemaker", "CreateEndpointConfig", request_)
    assert rejected.value.message == f"1 validation error detected: {message}"


def test_all_of_them_are_named() -> None:
    request = config(VariantName="v" * 64) | {"Tags": [{"Key": "", "Value": "a"}]}
    with pytest.raises(ValidationException) as rejected:
        validated("sagemaker", "CreateEndpointConfig", request)
    assert rejected.value.message.startswith("3 validation errors detected: ")
    assert rejected.value.message.count("'productionVariants.1.member.variantName'") == 2
    assert "Value '' at 'tags.1.member.key' failed" in rejected.value.message


def test_a_secret_is_not_repeated() -> None:
    shape = operation("sagemaker-runtime", "InvokeEndpointAsync").input_shape
    assert shape is not None
    message = broken_constraints({"EndpointName": "e", "CustomAttributes": "s" * 1025}, shape)
    assert message == (
        f"1 validation error detected: Value at 'customAttributes' {FAILED} have length less than or equal to 1024"
    )


def test_patterns_that_only_java_knows_reject_nothing() -> None:
    tags = [{"Key": "größe", "Value": "ein Wert"}]
    assert validated("sagemaker", "CreateEndpointConfig", config() | {"Tags": tags})["Tags"] == tags
