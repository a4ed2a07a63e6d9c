"""The rules of SageMaker's requests that its models do not state, and what the local AWS does not host."""

from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.sagemaker.listing import Json
from async_endpoint.protocol.locations import LocationError, S3Location

_REQUIRED_OF_VARIANT = ("ModelName", "InstanceType", "InitialInstanceCount")
_NOT_ASYNCHRONOUS = ("ml.inf1.", "ml.inf2.")


def check_model(request: Json) -> None:
    """Checks that a CreateModel request is for a model of one container.

    Raises:
        ValidationException: It is not.
    """
    containers = request.get("Containers", [])
    if "PrimaryContainer" in request and containers:
        raise ValidationException("A model has either a PrimaryContainer or Containers: give one of the two.")
    if "PrimaryContainer" not in request and len(containers) != 1:
        raise ValidationException(
            f"The local AWS serves models of one container, not {len(containers)}: give a PrimaryContainer."
        )


def check_endpoint_config(request: Json) -> None:
    """Checks that a CreateEndpointConfig request is for an asynchronous endpoint of one variant.

    Raises:
        ValidationException: It is not, or a location of its results is wrong.
    """
    if "AsyncInferenceConfig" not in request:
        raise ValidationException("The local AWS hosts asynchronous endpoints: give an AsyncInferenceConfig.")
    if request.get("ShadowProductionVariants"):
        raise ValidationException("Asynchronous endpoints take no shadow variants.")
    if len(request["ProductionVariants"]) != 1:
        raise ValidationException("The local AWS hosts endpoints of exactly one production variant.")
    _check_variant(request["ProductionVariants"][0])
    for member in ("S3OutputPath", "S3FailurePath"):
        path = request["AsyncInferenceConfig"]["OutputConfig"].get(member)
        try:
            if path is not None:
                S3Location.from_prefix_uri(path)
        except LocationError as error:
            raise ValidationException(f"Invalid {member}: {error}") from error


def _check_variant(variant: Json) -> None:
    name = variant["VariantName"]
    if "ServerlessConfig" in variant:
        raise ValidationException(f"The variant {name} is serverless, which asynchronous endpoints cannot be.")
    for member in _REQUIRED_OF_VARIANT:
        if member not in variant:
            raise ValidationException(f"The variant {name} has no {member}: give one.")
    if variant["InstanceType"].startswith(_NOT_ASYNCHRONOUS):
        raise ValidationException(f"Asynchronous endpoints do not run on {variant['InstanceType']} (variant {name}).")


def check_capacities(names: list[str], variant: str | None, config_name: str) -> None:
    """Checks the variants that UpdateEndpointWeightsAndCapacities names; `variant` is the endpoint's, if it has one.

    Raises:
        ValidationException: One is not the endpoint's, or is named twice.
    """
    for name in names:
        if variant is not None and name != variant:
            raise ValidationException(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration "{config_name}".'
            )
        if names.count(name) > 1:
            raise ValidationException(f'The variant name "{name}" was non-unique within the request.')
