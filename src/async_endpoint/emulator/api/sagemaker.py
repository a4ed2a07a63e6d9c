"""SageMaker on the wire: the control plane's JSON protocol, and the runtime's asynchronous invocation."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import uuid4

from async_endpoint.emulator.errors import AwsError, ValidationError, ValidationException
from async_endpoint.emulator.service_models import received
from async_endpoint.protocol.invocation import (
    FAILURE_LOCATION_HEADER,
    OUTPUT_LOCATION_HEADER,
    InvocationError,
    InvocationRequest,
)

if TYPE_CHECKING:
    from async_endpoint.emulator.api.region_services import Services

Response = tuple[int, dict[str, str], bytes]

# They ask other services of the local AWS, which answer on the thread that would wait for them.
BLOCKING = frozenset({"CreateModel"})
INVOCATION_PATH = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations|invocations-response-stream)")


def handle(region: "Services", path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer one HTTP request to SageMaker; header names in lower case. Only what `BLOCKING` names blocks."""
    try:
        invocation = INVOCATION_PATH.fullmatch(path)
        if invocation is not None:
            return _invoke(region, invocation[1], invocation[2], headers, body)
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or path
        answer = region.sagemaker.call(operation, received("sagemaker", operation, json_object(body)))
    except AwsError as error:
        return error.as_json()
    return json_answer(answer)


def json_object(body: bytes) -> dict[str, object]:
    """The body of a request as a JSON object.

    Raises:
        ValidationException: It is something else.
    """
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise ValidationException(f"The request's body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ValidationException("The request's body is not a JSON object.")
    return value


def json_answer(answer: object) -> Response:
    """A successful answer in the AWS JSON protocol."""
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _invoke(region: "Services", name: str, operation: str, headers: Mapping[str, str], body: bytes) -> Response:
    endpoint = region.sagemaker.endpoint(name)
    not_found = ValidationError(f"Endpoint {name} of account {region.account} not found.")
    if operation != "async-invocations":
        if endpoint is None:
            raise not_found
        raise ValidationError(
            f"Endpoint {name} of account {region.account} is configured for asynchronous inference: "
            "call it with InvokeEndpointAsync."
        )
    try:
        request = InvocationRequest.from_http(name, headers, body)
    except InvocationError as error:
        raise ValidationError(str(error)) from error
    if endpoint is None:
        raise not_found
    if request.inference_id is None:
        request = dataclasses.replace(request, inference_id=str(uuid4()))
    item = endpoint.accept(request)
    # In lower case: ministack rewrites "Content-Type" to the control plane's protocol, and the runtime speaks another.
    answer = {"content-type": "application/json"}
    if item.output_location:
        answer[OUTPUT_LOCATION_HEADER] = item.output_location
    if item.failure_location is not None:
        answer[FAILURE_LOCATION_HEADER] = item.failure_location
    return 202, answer, json.dumps({"InferenceId": request.inference_id}).encode()
