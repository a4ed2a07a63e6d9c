"""Errors that the added services return, as AWS names them.

AwsError
├── ValidationException      400, the request or the state of a resource forbids it
├── ValidationError          400, the same on the SageMaker runtime, whose model spells it so
└── UnknownOperation         400, an operation that the local AWS does not have
"""

import json
from dataclasses import dataclass
from http import HTTPStatus


@dataclass
class AwsError(Exception):
    """The response of an AWS service that rejects a request.

    Attributes:
        message: One or more sentences.
        code: The error's name on the wire; a subclass sets it.
        status: HTTP status.
    """

    message: str
    code: str = "InternalFailure"
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def as_json(self) -> tuple[int, dict[str, str], bytes]:
        """Returns status, headers and body in the AWS JSON protocols."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": self.code}
        return self.status, headers, json.dumps({"__type": self.code, "message": self.message}).encode()


class ValidationException(AwsError):
    """The request is malformed or the state of a resource forbids it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ValidationException", HTTPStatus.BAD_REQUEST)


class ValidationError(AwsError):
    """The SageMaker runtime's error where the control plane has ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ValidationError", HTTPStatus.BAD_REQUEST)


class UnknownOperation(AwsError):
    """The local AWS does not have this operation."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"The local AWS does not implement {service}:{operation}.",
            "UnknownOperationException",
            HTTPStatus.BAD_REQUEST,
        )
