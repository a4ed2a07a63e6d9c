"""A small document travels in the request itself, where the caller asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from async_endpoint.client import AsyncEndpoint, AwsTransport, InMemoryTransport, InvalidDocument, InvalidRequest
from async_endpoint.protocol import MAXIMUM_INLINE_BODY_BYTES, InvocationRequest, S3Location
from tests.support.endpoint_fixtures import echo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3.client import S3Client

    from tests.support.endpoint_fixtures import EndpointServer

    MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]

PNG = b"\x89PNG\r\n\x1a\n"


def test_bytes_and_files_are_sent_in_the_request(tmp_path: Path) -> None:
    transport = InMemoryTransport(echo)
    endpoint = AsyncEndpoint("r", transport=transport)
    (tmp_path / "a.png").write_bytes(PNG)

    for document in (PNG, tmp_path / "a.png"):
        assert endpoint.submit(document, inline=True).result().json() == {"bytes": len(PNG)}

    assert [(sent.body, sent.input_location, sent.content_type) for sent in transport.requests] == [
        (PNG, None, "image/png")
    ] * 2
    assert transport.calls["upload"] == 0


def test_by_default_nothing_is_sent_inline(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()

    endpoint.submit(b"abc")

    assert transport.requests[0].body is None


@pytest.mark.parametrize("size", [0, 1, MAXIMUM_INLINE_BODY_BYTES, MAXIMUM_INLINE_BODY_BYTES + 1])
def test_one_that_no_request_takes_is_uploaded(make_endpoint: MakeEndpoint, tmp_path: Path, size: int) -> None:
    endpoint, transport = make_endpoint()
    (tmp_path / "a.bin").write_bytes(b"x" * size)
    fits = 1 <= size <= MAXIMUM_INLINE_BODY_BYTES

    for document in (b"x" * size, tmp_path / "a.bin"):
        assert endpoint.submit(document, inline=True).result().json() == {"bytes": size}

    assert transport.calls["upload"] == (0 if fits else 2)
    assert {sent.body is not None for sent in transport.requests} == {fits}


def test_one_that_no_request_takes_needs_an_input_location() -> None:
    endpoint = AsyncEndpoint("r", transport=InMemoryTransport(echo))

    with pytest.raises(InvalidDocument, match=r"over 128,000 bytes, so no request takes it inline, and .* give one"):
        endpoint.submit(b"x" * 128_001, inline=True)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    endpoint = AsyncEndpoint("r", transport=InMemoryTransport(echo))

    with pytest.raises(InvalidDocument, match=r"none\.png cannot be read"):
        endpoint.submit(tmp_path / "none.png", inline=True)


def test_what_is_in_s3_stays_there(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    place = S3Location("inputs", "scans/a.png")
    transport.put(place, b"four")

    assert endpoint.submit(place, inline=True).result().json() == {"bytes": 4}
    assert transport.requests[0].input_location == place.uri


def test_an_older_botocore_is_named_before_the_call(s3: S3Client) -> None:
    runtime = boto3.client("sagemaker-runtime", region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    request = runtime.meta.service_model.operation_model("InvokeEndpointAsync").input_shape
    assert request is not None
    del request.members["Body"]  # as before the release that has it

    with pytest.raises(InvalidRequest, match="InvokeEndpointAsync has no Body: update boto3, or submit without"):
        AwsTransport(runtime=runtime, s3=s3).submit(InvocationRequest(endpoint_name="r", body=b"abc"))
    runtime.close()


@pytest.mark.usefixtures("local_services")
def test_over_http_the_document_is_the_body(server: EndpointServer) -> None:
    job = AsyncEndpoint("receipts").submit(PNG, inline=True)

    assert job.result(timeout=10).json() == {"bytes": len(PNG)}
    (sent,) = server.requests
    assert (sent.body, sent.input_location, sent.content_type) == (PNG, None, "image/png")
