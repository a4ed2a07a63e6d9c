"""The AWS JSON protocol: the body of a request, and a response."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.local_routes import Response


def operation_name(headers: Mapping[str, str]) -> str:
    """Returns the operation that a request's headers, whose names are in lower case, call; empty without one."""
    return headers.get("x-amz-target", "").rpartition(".")[2]


def json_object(body: bytes) -> dict[str, Any]:
    """Returns the body of a request as a JSON object.

    Raises:
        ValidationException: The body is something else.
    """
    try:
        value = json.loads(body or b"{}", parse_constant=_reject_constant)
    except ValueError as error:
        raise ValidationException(f"The request's body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ValidationException("The request's body is not a JSON object.")
    return value


def json_response(members: object) -> Response:
    """Returns a successful response."""
    return HTTPStatus.OK, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(members).encode()


def _reject_constant(constant: str) -> None:
    """Rejects what Python reads beyond JSON.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{constant} is not a JSON number")
