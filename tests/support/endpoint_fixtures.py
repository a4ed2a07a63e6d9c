"""A clock under the test's control, endpoints in memory, and an endpoint over HTTP."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.client import AsyncEndpoint, InMemoryTransport, ModelError
from async_endpoint.protocol import (
    FAILURE_LOCATION_HEADER,
    OUTPUT_LOCATION_HEADER,
    InvocationError,
    InvocationRequest,
    S3Location,
)


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


class EndpointServer(ThreadingHTTPServer):
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
        super().__init__(("127.0.0.1", 0), _Handler)
        self.s3 = s3
        self.bucket = bucket
        self.rejections: list[tuple[int, str, str]] = []
        self.requests: list[InvocationRequest] = []
        self.has_output_path = True
        self.writes_results = True
        self.before_taking: Callable[[InvocationRequest], bool] | None = None
        self.url = f"http://localhost:{self.server_port}"

    def write_outcome(self, request: InvocationRequest) -> tuple[str, str]:
        """Writes the result or the failure of a request; returns where these are."""
        if request.input_location:
            place = S3Location.from_uri(request.input_location)
            document = self.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        else:
            document = request.body or b""
        name, bucket = (request.filename or f"{uuid.uuid4()}.out").partition(".")[0], self.bucket
        folder = f"{request.s3_output_path_extension}/" if request.s3_output_path_extension else ""
        output, failure = f"out/{folder}{name}.out", f"fail/{folder}{name}-error.out"
        try:
            result = echo(request, document)
            if self.writes_results:
                self.s3.put_object(Bucket=bucket, Key=output, Body=result, ContentType="application/json")
        except ModelError as error:
            self.s3.put_object(Bucket=bucket, Key=failure, Body=str(error).encode())
        return f"s3://{bucket}/{output}", f"s3://{bucket}/{failure}"


class _Handler(BaseHTTPRequestHandler):
    server: EndpointServer

    def do_POST(self) -> None:  # the name is http.server's
        name = self.path.split("/")[2]
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        if self.server.rejections:
            self._reject(*self.server.rejections.pop(0))
            return
        try:
            request = InvocationRequest.from_http(name, headers, body)
        except InvocationError as error:
            self._reject(HTTPStatus.BAD_REQUEST, "ValidationError", str(error))
            return
        if self.server.before_taking and not self.server.before_taking(request):
            self.close_connection = True
            return
        self.server.requests.append(request)
        output, failure = self.server.write_outcome(request)
        places = (
            {OUTPUT_LOCATION_HEADER: output, FAILURE_LOCATION_HEADER: failure} if self.server.has_output_path else {}
        )
        self._respond(HTTPStatus.ACCEPTED, {"InferenceId": request.inference_id}, places)

    def _reject(self, status: int, code: str, message: str) -> None:
        self._respond(status, {"Message": message}, {"x-amzn-errortype": code})

    def _respond(self, status: int, content: dict[str, Any], headers: dict[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response_only(status)
        for key, value in {**headers, "Date": formatdate(usegmt=True), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


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
