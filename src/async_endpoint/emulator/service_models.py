"""Requests held against botocore's own service models, so that a typing error fails here as it does on AWS.

CloudFormation hands every number and boolean over as a string: `coerce` turns them back by the shape that they have.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from async_endpoint.emulator.errors import UnknownOperation, ValidationException


@cache
def operation(service: str, name: str) -> OperationModel:
    """The model of one operation.

    Raises:
        UnknownOperation: The service has no operation of that name.
    """
    model = _service(service)
    if name not in model.operation_names:
        raise UnknownOperation(service, name)
    return model.operation_model(name)


@cache
def _service(name: str) -> ServiceModel:
    """A service's model. SageMaker's takes 0.4 s and 14 MB: once for all of its operations."""
    return botocore.session.get_session().get_service_model(name)


def validated(service: str, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with numbers and booleans as such, if it fits the operation's input.

    Raises:
        ValidationException: With botocore's report of everything that does not fit.
    """
    shape = operation(service, name).input_shape
    if shape is None:
        return {}
    typed = coerce(request, shape)
    report = ParamValidator().validate(typed, shape)
    if report.has_errors():
        raise ValidationException(f"{name}: {report.generate_report()}")
    return dict(typed)


def coerce(value: Any, shape: Shape) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """The value with strings turned into the numbers and booleans of its shape; what does not turn stays as it is."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        return {key: coerce(item, members[key]) if key in members else item for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: coerce(item, shape.value) for key, item in value.items()}
    if not isinstance(value, str):
        return float(value) if shape.type_name in ("float", "double") and isinstance(value, int) else value
    return _from_text(value, shape.type_name)


def _from_text(text: str, type_name: str) -> str | int | float | bool:
    if type_name == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if type_name in ("integer", "long"):
            return int(text)
        if type_name in ("float", "double"):
            return float(text)
    except ValueError:
        pass
    return text
