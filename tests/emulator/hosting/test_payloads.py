"""Documents on their way from S3: a large one passes through a process that stays small, and each is timed once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.invocation import ContainerResponse
from async_endpoint.emulator.hosting import payloads
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.payloads import InputUnavailable, PayloadReader
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.fakes import ACCOUNT, LIMIT, OK, REGION, START, FakeInstance, eventually, within_limit
from tests.emulator.hosting.bench import Bench

SIZE = 400_000_000
SIZES = {"small": 10, "streamed": 5_000_000, "large": SIZE}  # by key
BLOCK_SIZE = 1 << 20
BLOCK = b"\0" * BLOCK_SIZE

PROGRAM = """
import json, resource, sys
from pathlib import Path
import urllib3
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.payloads import PayloadReader
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch import MetricStore

port = int(sys.argv[1])
clients = AwsClients(f"http://localhost:{port}", "us-east-1", "000000000000", Path("/nowhere"))


class Running(ModelContainer):
    alive = True


container = Running(Path("archive"), {}, ServingEnvironment(Path("none")), Path("work"))
container._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, retries=False)
inputs = PayloadReader(RequestQueue(), clients, EndpointMetrics("e", "v", MetricStore(), ManualClock()))


def send(key):
    request = InvocationRequest(endpoint_name="e", input_location=f"s3://documents/{key}")
    payload = inputs.payload(QueuedRequest(request, "", None, 0.0, 0.0, OutputConfig(None, None, None, None)))
    answer = container.invoke(Invocation(payload.body, content_type=payload.content_type, timeout=100))
    return int(answer.body)


small = send("small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
large = send("large")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"small": small, "large": large, "grown_mb": grown / 1024}))
"""


class S3AndContainer(BaseHTTPRequestHandler):
    """Answers GetObject with zeros, and an invocation with the number of bytes that came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        left = SIZES[self.path.rpartition("/")[2]]
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        while left:
            left -= self.wfile.write(BLOCK[: min(left, len(BLOCK))])

    def do_POST(self) -> None:
        wanted, received = int(self.headers["Content-Length"]), 0
        while received < wanted:
            received += len(self.rfile.read(min(len(BLOCK), wanted - received)))
        body = str(received).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler] = S3AndContainer) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_large_document_takes_a_fraction_of_its_size_in_memory() -> None:
    with served() as port:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(port)], capture_output=True, text=True, check=False, timeout=120
        )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["small"], found["large"]) == (10, SIZE)
    assert found["grown_mb"] < 100  # the document has 400


class Reader:
    """The documents of one queue, and how often a download was timed."""

    def __init__(self, port: int) -> None:
        self.queue = RequestQueue()
        self.store = MetricStore()
        clients = AwsClients(f"http://localhost:{port}", REGION, ACCOUNT, Path("/nowhere"))
        self.inputs = PayloadReader(self.queue, clients, EndpointMetrics("e", "v", self.store, ManualClock(START)))

    def put(self, key: str) -> QueuedRequest:
        request = InvocationRequest(endpoint_name="e", input_location=f"s3://documents/{key}")
        item = QueuedRequest(request, "", None, START, START, OutputConfig(None, None, None, None))
        self.queue.put(item)
        return item

    @property
    def timed(self) -> float:
        key = MetricKey.from_dimensions(
            "AWS/SageMaker", "RequestDownloadLatency", {"EndpointName": "e", "VariantName": "v"}
        )
        return sum(self.store.periods(key, "SampleCount", MINUTE, START, START + MINUTE).values())


def test_a_document_in_memory_is_timed_when_it_is_read() -> None:
    with served() as port:
        reader = Reader(port)
        reader.inputs.payload(reader.put("small"))
        assert reader.timed == 1


def test_a_streamed_document_is_timed_once_when_its_last_byte_has_come() -> None:
    with served() as port:
        reader = Reader(port)
        body = reader.inputs.payload(reader.put("streamed")).body
        assert not isinstance(body, bytes)
        body.read(SIZES["streamed"] - 1)
        assert reader.timed == 0
        assert [len(body.read(BLOCK_SIZE)) for _ in range(3)] == [1, 0, 0]
        assert reader.timed == 1


def test_a_stream_that_breaks_off_is_not_timed() -> None:
    class Broken(S3AndContainer):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(SIZES["streamed"]))
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            self.wfile.write(BLOCK)
            self.close_connection = True

    with served(Broken) as port:
        reader = Reader(port)
        body = reader.inputs.payload(reader.put("streamed")).body
        assert not isinstance(body, bytes)
        with pytest.raises(InputUnavailable):
            body.read()
        assert reader.timed == 0


def test_a_document_that_was_fetched_ahead_is_timed_when_it_is_taken() -> None:
    with served() as port:
        reader = Reader(port)
        item = reader.put("small")
        reader.inputs.fetch_ahead()
        assert reader.timed == 0
        reader.inputs.payload(item)
        assert reader.timed == 1


def test_a_document_whose_request_is_taken_before_it_is_there_is_timed_once() -> None:
    asked, release = threading.Event(), threading.Event()

    class FirstIsLate(S3AndContainer):
        def do_GET(self) -> None:
            if not asked.is_set():
                asked.set()
                assert release.wait(LIMIT)
            super().do_GET()

    with served(FirstIsLate) as port:
        reader = Reader(port)
        item = reader.put("small")
        ahead = threading.Thread(target=reader.inputs.fetch_ahead)
        ahead.start()
        assert asked.wait(LIMIT)
        reader.inputs.payload(item)
        release.set()
        within_limit(ahead.join, "the end of the fetch that came too late")
        assert reader.timed == 1


# -- with a consumer, on a running S3 --------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "seen"), [(None, "image/webp"), ("image/png", "image/png")])
def test_a_request_without_a_media_type_has_the_type_of_its_object(bench: Bench, given: str | None, seen: str) -> None:
    location = bench.around.upload(b"a receipt", "image/webp")
    instance = FakeInstance()
    bench.put(input_location=location, content_type=given)
    bench.serve(instance)
    bench.settle()
    assert [request.content_type for request in instance.requests] == [seen]


def test_an_inline_body_needs_no_object(bench: Bench) -> None:
    instance = FakeInstance()
    bench.put(body=b"inline")
    bench.serve(instance)
    (message,) = bench.around.success.take(1)
    assert instance.requests[0].body == b"inline"
    assert message["requestParameters"] == {"endpointName": "receipts"}


def test_a_missing_document_fails_without_calling_the_model(bench: Bench) -> None:
    instance = FakeInstance()
    location = f"s3://{bench.around.bucket}/missing.png"
    bench.put(input_location=location)
    bench.serve(instance)
    (message,) = bench.around.error.take(1)
    assert message["failureReason"].startswith(f"ClientError: Failed to download the request from {location}: ")
    bench.settle()
    assert instance.requests == []
    assert bench.counts() == {"InvocationFailures": 1, "RequestDownloadFailures": 1}


def test_the_next_document_is_fetched_while_the_container_works(bench: Bench) -> None:
    release = threading.Event()

    def handler(_: bytes) -> ContainerResponse:
        assert release.wait(LIMIT)
        return OK

    bench.put()
    second = bench.put()
    instance = FakeInstance(handler)
    consumer = bench.serve(instance)
    eventually(lambda: consumer._payloads._ahead, "the next document")
    location = second.request.input_location or ""
    bench.clients.s3.delete_object(
        Bucket=bench.around.bucket, Key=location.removeprefix(f"s3://{bench.around.bucket}/")
    )
    release.set()
    bench.settle()
    assert [request.body for request in instance.requests] == [b"a receipt", b"a receipt"]
    assert bench.counts()["InvocationsProcessed"] == 2


def test_a_payload_may_not_have_more_than_a_gigabyte(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "MAXIMUM_PAYLOAD_BYTES", 8)
    bench.put()
    instance = FakeInstance()
    bench.serve(instance)
    (message,) = bench.around.error.take(1)
    assert "has 9 bytes, more than the 8 that a payload may have" in message["failureReason"]
    assert instance.requests == []
