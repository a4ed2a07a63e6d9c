"""Application Auto Scaling on the wire."""

from collections.abc import Mapping

from async_endpoint.emulator.api.json_protocol import json_object, json_response, operation_name
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.local_routes import Response
from async_endpoint.emulator.service_models import drop_unknown_members


def handle(region: RegionServices, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Handles one HTTP request to Application Auto Scaling; header names in lower case."""
    del path
    operation = operation_name(headers)
    try:
        request = drop_unknown_members("application-autoscaling", operation, json_object(body))
        return json_response(region.autoscaling.call(operation, request))
    except AwsError as error:
        return error.as_json()
