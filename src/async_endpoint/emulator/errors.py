"""Errors that the added services answer with, as AWS names them.

AwsError
├── ValidationException      400, the request or the state of a resource forbids it
├── ValidationError          400, the same on the SageMaker runtime, whose model spells it so
└── UnknownOperation         400, an operation that the local AWS does not have
"""

import json
from dataclasses import dataclass


@dataclass
class AwsError(Exception):
    """An answer of an AWS service that refuses a request.

    Attributes:
        message: The sentence of the answer.
        code: The error's name on the wire; a subclass sets it.
        status: HTTP status.
    """

    message: str
    code: str = "InternalFailure"
    status: int = 500

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def as_json(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body in the AWS JSON protocols."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": self.code}
        return self.status, headers, json.dumps({"__type": self.code, "message": self.message}).encode()


class ValidationException(AwsError):
    """The request is malformed or the state of a resource forbids it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ValidationException", 400)


class ValidationError(AwsError):
    """What the SageMaker runtime answers where the control plane says ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ValidationError", 400)


class UnknownOperation(AwsError):
    """The local AWS does not have this operation."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"The local AWS does not implement {service}:{operation}.",
            "UnknownOperationException",
            400,
        )
