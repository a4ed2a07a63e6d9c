"""Requests held against botocore's own service models, so that a typing error fails here as it does on AWS.

What breaks a constraint is refused in AWS's words, what has no place in the model in botocore's.
CloudFormation hands every number and boolean over as a string: `coerce` turns them back by the shape that they have.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from async_endpoint.emulator import constraints
from async_endpoint.emulator.errors import UnknownOperation, ValidationException

# How botocore's report begins what `constraints` words as AWS does.
_CONSTRAINTS = ("Missing required parameter", "Invalid length", "Invalid value")


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


def received(service: str, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """A request as AWS's JSON services read it off the wire: null is absent, and unknown members are passed over.

    So a client that is newer than the models here may say more than they know.
    """
    shape = operation(service, name).input_shape
    return {} if shape is None else _known(request, shape)


def _known(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        return {key: _known(item, members[key]) for key, item in value.items() if key in members and item is not None}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_known(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _known(item, shape.value) for key, item in value.items()}
    return value


def validated(service: str, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with numbers and booleans as such, if it fits the operation's input.

    Raises:
        ValidationException: With everything that does not fit: types and unknown members first, as on AWS a request is
            read before it is judged.
    """
    shape = operation(service, name).input_shape
    if shape is None:
        return {}
    typed = coerce(request, shape)
    report = ParamValidator().validate(typed, shape)
    if misfits := [line for line in report.generate_report().splitlines() if not line.startswith(_CONSTRAINTS)]:
        raise ValidationException(f"{name}: {' '.join(misfits)}")
    if message := constraints.refusal(typed, shape):
        raise ValidationException(message)
    return dict(typed)


def coerce(value: Any, shape: Shape) -> Any:
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
