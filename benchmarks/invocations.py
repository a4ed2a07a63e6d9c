"""InvokeEndpointAsync over HTTP, for the servers of `benchmarks client` and of tests, which stand in for an endpoint.

Requests are checked, and results are named, as by the local AWS.
"""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.protocol import (
    FAILURE_LOCATION_HEADER,
    OUTPUT_LOCATION_HEADER,
    InvocationError,
    InvocationRequest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Response(NamedTuple):
    """A response over HTTP."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Invocations(ABC):
    """Accepts requests; a subclass has the model.

    Args:
        output_path: Where results are, `s3://bucket/prefix`.
        failure_path: Where failures are.
    """

    def __init__(self, output_path: str, failure_path: str) -> None:
        self._paths = OutputConfig(output_path, failure_path, None, None)

    def invoke(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Returns the response to a request, whose headers have names in lower case."""
        try:
            return self.accept(InvocationRequest.from_http(endpoint, headers, body))
        except InvocationError as error:
            return rejected(HTTPStatus.BAD_REQUEST, "ValidationError", str(error))

    def accept(self, request: InvocationRequest) -> Response:
        """Accepts a request that is well-formed."""
        output, failure = self.write_outcome(request)
        inference_id = request.inference_id or str(uuid.uuid4())
        return Response(
            HTTPStatus.ACCEPTED,
            json.dumps({"InferenceId": inference_id}).encode(),
            ((OUTPUT_LOCATION_HEADER, output), (FAILURE_LOCATION_HEADER, failure)),
        )

    def locations(self, request: InvocationRequest) -> tuple[str, str]:
        """Returns where the result and the failure of a request are; other ones each time for one without Filename."""
        output, failure = self._paths.locations(request)
        return output, failure or ""

    @abstractmethod
    def write_outcome(self, request: InvocationRequest) -> tuple[str, str]:
        """Writes the result or the failure of a request, now or later; returns its locations.

        Raises:
            InvocationError: The request is to be rejected.
        """


def rejected(status: HTTPStatus | int, code: str, message: str) -> Response:
    """Returns an error of SageMaker's runtime."""
    return Response(HTTPStatus(status), json.dumps({"Message": message}).encode(), (("x-amzn-errortype", code),))
