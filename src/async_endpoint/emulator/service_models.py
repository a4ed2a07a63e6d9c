"""Validates requests by botocore's own service models, so that a typing error fails here as it does on AWS.

A broken constraint is rejected in AWS's words, what has no place in the model in botocore's. CloudFormation passes
numbers and booleans as text: they become numbers and booleans by their shape. Timestamps become epoch seconds.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.utils import parse_to_aware_datetime
from botocore.validate import ParamValidator

from async_endpoint.emulator import request_constraints as constraints
from async_endpoint.emulator.errors import UnknownOperation, ValidationException

# How botocore's report begins what `constraints` words as AWS does.
_CONSTRAINTS = ("Missing required parameter", "Invalid length", "Invalid value")
_WHOLE_NUMBERS = ("integer", "long")
_FRACTIONS = ("float", "double")


@cache
def operation(service: str, name: str) -> OperationModel:
    """Returns the model of one operation.

    Raises:
        UnknownOperation: The service has no operation of that name.
    """
    model = _service(service)
    if name not in model.operation_names:
        raise UnknownOperation(service, name)
    return model.operation_model(name)


def operations(service: str) -> list[OperationModel]:
    """Returns the models of a service's operations."""
    model = _service(service)
    return [model.operation_model(name) for name in model.operation_names]


def instance_types() -> frozenset[str]:
    """Returns the instance types of endpoints."""
    shape = _service("sagemaker").shape_for("ProductionVariantInstanceType")
    return frozenset(shape.enum) if isinstance(shape, StringShape) else frozenset()


@cache
def _service(name: str) -> ServiceModel:
    """Returns a service's model. SageMaker's takes 0.4 s and 14 MB: once for all of its operations."""
    return botocore.session.get_session().get_service_model(name)


def drop_unknown_members(service: str, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a request without nulls and unknown members, as AWS's JSON services read it.

    So a client that is newer than the models here may send more than they know.
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
    """Returns the request with typed values, if it fits the operation's input.

    Raises:
        ValidationException: The message lists everything that does not fit. Types and unknown members come first: AWS,
            too, parses a request before it checks constraints.
    """
    shape = operation(service, name).input_shape
    if shape is None:
        return {}
    typed = _typed(request, shape)
    report = ParamValidator().validate(typed, shape)
    if misfits := [line for line in report.generate_report().splitlines() if not line.startswith(_CONSTRAINTS)]:
        raise ValidationException(f"{name}: {' '.join(misfits)}")
    if message := constraints.broken_constraints(typed, shape):
        raise ValidationException(message)
    return dict(typed)


def _typed(value: Any, shape: Shape) -> Any:
    """Returns the value in the types of its shape; what cannot be converted stays, for botocore to report."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        return {key: _typed(item, members[key]) if key in members else item for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_typed(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _typed(item, shape.value) for key, item in value.items()}
    return _typed_scalar(value, shape.type_name)


def _typed_scalar(value: Any, type_name: str) -> Any:
    if isinstance(value, bool):
        # botocore takes a boolean for a number, which AWS does not.
        return str(value) if type_name in (*_WHOLE_NUMBERS, *_FRACTIONS) else value
    if isinstance(value, int) and type_name in _FRACTIONS:
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number, and no comparison with it is true
    if type_name == "timestamp":
        return _epoch_seconds(value)
    return _from_text(value, type_name) if isinstance(value, str) else value


def _epoch_seconds(moment: Any) -> Any:
    try:
        return parse_to_aware_datetime(moment).timestamp()
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return moment


def _from_text(text: str, type_name: str) -> str | int | float | bool:
    if type_name == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if type_name in _WHOLE_NUMBERS:
            return int(text)
        if type_name in _FRACTIONS and math.isfinite(number := float(text)):
            return number
    except ValueError:
        pass
    return text
