"""A result whose download breaks off is read again: botocore retries requests, not the reading of their bodies."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import AwsTransport, AwsUnavailable, Payload, StorageError
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

RESULT = b'{"store": "MINT GRILL"}'
LOCATION = S3Location("outputs", "result.out")


class Breaking(ThreadingHTTPServer):
    """An S3 that ends the connection in the middle of an object so many times."""

    broken = 0
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Breaking

    def do_GET(self) -> None:
        self.server.requests += 1
        breaks = self.server.requests <= self.server.broken
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(RESULT)))
        self.end_headers()
        self.wfile.write(RESULT[:10] if breaks else RESULT)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keeps the server quiet."""


@pytest.fixture
def server() -> Iterator[Breaking]:
    with Breaking(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def transport(server: Breaking, session: boto3.Session) -> AwsTransport:
    s3 = session.client("s3", endpoint_url=f"http://127.0.0.1:{server.server_port}")
    return AwsTransport(runtime=session.client("sagemaker-runtime"), s3=s3)


def test_a_result_whose_download_breaks_off_is_read_again(transport: AwsTransport, server: Breaking) -> None:
    server.broken = 2
    assert transport.get(LOCATION) == Payload(RESULT, "application/json")
    assert server.requests == 3


def test_one_result_that_always_breaks_off_does_not_end_the_others(transport: AwsTransport, server: Breaking) -> None:
    server.broken = 1000
    with pytest.raises(StorageError, match=r"The result s3://outputs/result\.out cannot be read: .*10") as raised:
        transport.get(LOCATION)
    assert not isinstance(raised.value, AwsUnavailable)
    assert server.requests == 3
