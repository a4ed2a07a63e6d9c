"""What the client's tests stand on: a clock that obeys, S3 over HTTP, and an endpoint over HTTP."""

import asyncio
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
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
    """Time passes when somebody sleeps, and not otherwise."""

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
    """An endpoint in memory, on the obedient clock."""

    def make(model: Any = echo, **settings: Any) -> tuple[AsyncEndpoint, InMemoryTransport]:  # noqa: ANN401
        transport = InMemoryTransport(model, clock=clock, **settings)
        endpoint = AsyncEndpoint(
            "receipts", input_location="s3://inputs/by-hand", transport=transport, clock=clock, sleep=clock.sleep
        )
        return endpoint, transport

    return make


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The URL of an S3 that speaks HTTP, on the loopback only."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost"}.items():
            environment.setenv(name, value)
        # ministack reads these variables when it is imported.
        import ministack.app  # noqa: PLC0415

        with _served(ministack.app.app, port):
            yield f"http://localhost:{port}"


@contextmanager
def _served(app: Any, port: int) -> Iterator[None]:  # noqa: ANN401  # ministack has no types
    """Serve the application from a thread, on the loopback."""
    config = ServerConfig()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(app, config, shutdown_trigger=stop.wait)))
    thread.start()
    _wait_for(port)
    yield
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=10)
    loop.close()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.1).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    pytest.fail(f"nothing listens on port {port}")


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # a local S3 takes any
        region_name="ap-northeast-1",
    )


@pytest.fixture
def s3(aws_url: str, session: boto3.Session) -> Iterator[S3Client]:
    client = session.client("s3", endpoint_url=aws_url, config=Config(max_pool_connections=64))
    yield client
    client.close()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    return name


class EndpointServer(ThreadingHTTPServer):
    """InvokeEndpointAsync over HTTP, its results in S3 at once.

    Attributes:
        refusals: Given one by one before any acceptance: status, code, message.
        requests: What was accepted.
        names_output: Whether the 202 names the locations.
        answers: Whether results are ever written.
    """

    daemon_threads = True

    def __init__(self, s3: S3Client, bucket: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.s3 = s3
        self.bucket = bucket
        self.refusals: list[tuple[int, str, str]] = []
        self.requests: list[InvocationRequest] = []
        self.names_output = True
        self.answers = True
        self.url = f"http://localhost:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: EndpointServer

    def do_POST(self) -> None:  # the name is http.server's
        name = self.path.split("/")[2]
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        if self.server.refusals:
            self._refuse(*self.server.refusals.pop(0))
            return
        try:
            request = InvocationRequest.from_http(name, headers, body)
        except InvocationError as error:
            self._refuse(400, "ValidationError", str(error))
            return
        self.server.requests.append(request)
        output, failure = self._work(request)
        places = {OUTPUT_LOCATION_HEADER: output, FAILURE_LOCATION_HEADER: failure} if self.server.names_output else {}
        self._answer(202, {"InferenceId": request.inference_id}, places)

    def _work(self, request: InvocationRequest) -> tuple[str, str]:
        place = S3Location.parse(request.input_location or "")
        document = self.server.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        name, bucket = uuid.uuid4(), self.server.bucket
        output, failure = f"out/{name}.out", f"fail/{name}-error.out"
        try:
            answer = echo(request, document)
            if self.server.answers:
                self.server.s3.put_object(Bucket=bucket, Key=output, Body=answer, ContentType="application/json")
        except ModelError as error:
            self.server.s3.put_object(Bucket=bucket, Key=failure, Body=str(error).encode())
        return f"s3://{bucket}/{output}", f"s3://{bucket}/{failure}"

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"Message": message}, {"x-amzn-errortype": code})

    def _answer(self, status: int, content: dict[str, Any], headers: dict[str, str]) -> None:
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
