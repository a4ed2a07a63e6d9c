"""A clock under the test's control, endpoints in memory, and an endpoint over HTTP."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.client import AsyncEndpoint, InMemoryTransport, ModelError
from async_endpoint.protocol import InvocationRequest, S3Location
from benchmarks.invocations import Invocations, Response, rejected


class Clock:
    """Time that passes only during `sleep`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def echo(_: InvocationRequest, document: bytes) -> bytes:
    """A model that says how long the document is, and fails on one that says `bad`."""
    if document == b"bad":
        raise ModelError("The image cannot be read.")
    return json.dumps({"bytes": len(document)}).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_endpoint(clock: Clock) -> Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]:
    """An endpoint in memory, on the controlled clock."""

    def make(model: Any = echo, **settings: Any) -> tuple[AsyncEndpoint, InMemoryTransport]:
        transport = InMemoryTransport(model, clock=clock, **settings)
        endpoint = AsyncEndpoint(
            "receipts", input_location="s3://inputs/by-hand", transport=transport, clock=clock, sleep=clock.sleep
        )
        return endpoint, transport

    return make


class EndpointServer(Invocations, ThreadingHTTPServer):
    """InvokeEndpointAsync over HTTP, its results in S3 at once.

    Attributes:
        rejections: Sent one by one before any acceptance: status, code, message.
        requests: The accepted requests.
        has_output_path: Whether the 202 has locations.
        writes_results: Whether results are ever written.
        before_taking: Called with each request; where it returns False the connection closes and nothing is taken.
    """

    daemon_threads = True

    def __init__(self, s3: S3Client, bucket: str) -> None:
        Invocations.__init__(self, f"s3://{bucket}/out", f"s3://{bucket}/fail")
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), _Handler)
        self.s3 = s3
        self.rejections: list[tuple[int, str, str]] = []
        self.requests: list[InvocationRequest] = []
        self.has_output_path = True
        self.writes_results = True
        self.before_taking: Callable[[InvocationRequest], bool] | None = None
        self.url = f"http://localhost:{self.server_port}"

    def invoke(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Response:
        if self.rejections:
            return rejected(*self.rejections.pop(0))
        return super().invoke(endpoint, headers, body)

    def accept(self, request: InvocationRequest) -> Response:
        if self.before_taking and not self.before_taking(request):
            raise ConnectionAbortedError
        self.requests.append(request)
        accepted = super().accept(request)
        return accepted if self.has_output_path else accepted._replace(headers=())

    def write_outcome(self, request: InvocationRequest) -> tuple[str, str]:
        output, failure = self.locations(request)
        document = request.body or b""
        if request.input_location:
            place = S3Location.from_uri(request.input_location)
            document = self.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        try:
            result = echo(request, document)
            if self.writes_results:
                self._write(output, result, "application/json")
        except ModelError as error:
            self._write(failure, str(error).encode(), "binary/octet-stream")
        return output, failure

    def _write(self, location: str, body: bytes, content_type: str) -> None:
        place = S3Location.from_uri(location)
        self.s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, ContentType=content_type)


class _Handler(BaseHTTPRequestHandler):
    server: EndpointServer

    def do_POST(self) -> None:  # the name is http.server's
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        try:
            response = self.server.invoke(self.path.split("/")[2], headers, body)
        except ConnectionAbortedError:
            self.close_connection = True
            return
        self.send_response_only(response.status)
        length = ("Content-Length", str(len(response.body)))
        for name, value in (*response.headers, ("Date", formatdate(usegmt=True)), length):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)


@pytest.fixture
def local_services(aws_url: str, server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 finds everything through its own environment variables."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(s3: S3Client, bucket: str) -> Iterator[EndpointServer]:
    with EndpointServer(s3, bucket) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join(timeout=5)
