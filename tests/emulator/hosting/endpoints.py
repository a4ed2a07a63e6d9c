"""Requests and operations on the endpoint `e` of a fake region."""

import uuid
from typing import Any

import pytest

from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import FakeRegion


def invoke(endpoint: HostedEndpoint, **members: Any) -> str:
    """The inference id of a request accepted."""
    given = {"endpoint_name": endpoint.name, "inference_id": uuid.uuid4().hex, "body": b"x", **members}
    return str(endpoint.accept(InvocationRequest(**given)).request.inference_id)


def call(region: FakeRegion, operation: str, **members: Any) -> dict[str, Any]:
    return region.sagemaker.call(operation, {"EndpointName": "e", **members})


def set_capacity(region: FakeRegion, count: int, variant: str = "AllTraffic") -> None:
    wanted = [{"VariantName": variant, "DesiredInstanceCount": count}]
    call(region, "UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=wanted)


def rejection(region: FakeRegion, operation: str, **members: Any) -> str:
    with pytest.raises(AwsError) as rejected:
        call(region, operation, **members)
    return rejected.value.message
