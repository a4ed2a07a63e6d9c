"""SageMaker on the wire: the control plane's JSON protocol, and the runtime's asynchronous invocation."""

import dataclasses
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

from async_endpoint.emulator.api.json_protocol import json_object, json_response, operation_name
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.errors import AwsError, ValidationError
from async_endpoint.emulator.local_routes import Response
from async_endpoint.emulator.service_models import drop_unknown_members
from async_endpoint.protocol.invocation import (
    FAILURE_LOCATION_HEADER,
    OUTPUT_LOCATION_HEADER,
    InvocationError,
    InvocationRequest,
)

# They call other services of the local AWS, which respond on the thread that would wait.
BLOCKING = frozenset({"CreateModel"})
INVOCATION_PATH = re.compile(r"/endpoints/([^/]+)/(async-invocations|invocations|invocations-response-stream)")


def handle(region: RegionServices, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Handles one HTTP request to SageMaker; header names in lower case. Only operations of `BLOCKING` block."""
    try:
        invocation = INVOCATION_PATH.fullmatch(path)
        if invocation is not None:
            return _invoke(region, invocation[1], invocation[2], headers, body)
        operation = operation_name(headers) or path
        request = drop_unknown_members("sagemaker", operation, json_object(body))
        return json_response(region.sagemaker.call(operation, request))
    except AwsError as error:
        return error.as_json()


def _invoke(region: RegionServices, name: str, operation: str, headers: Mapping[str, str], body: bytes) -> Response:
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
    response_headers = {"content-type": "application/json"}
    if item.output_location:
        response_headers[OUTPUT_LOCATION_HEADER] = item.output_location
    if item.failure_location is not None:
        response_headers[FAILURE_LOCATION_HEADER] = item.failure_location
    return HTTPStatus.ACCEPTED, response_headers, json.dumps({"InferenceId": request.inference_id}).encode()
