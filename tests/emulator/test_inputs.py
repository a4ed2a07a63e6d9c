"""A document of a gigabyte goes from S3 to the container through a process that stays small."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 1_000_000_000
BLOCK = b"\0" * (1 << 20)

PROGRAM = """
import json, resource, sys
from pathlib import Path
import urllib3
from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.instance import ContainerInstance
from async_endpoint.emulator.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.inputs import Inputs
from async_endpoint.emulator.output_config import OutputConfig
from async_endpoint.emulator.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.scaling import ManualClock, MetricStore

port = int(sys.argv[1])
backends = Backends(f"http://localhost:{port}", "us-east-1", "000000000000", Path("/nowhere"))


class Running(ContainerInstance):
    alive = True


container = Running(Path("archive"), {}, ServingEnvironment(Path("none")), Path("work"))
container._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, retries=False)
inputs = Inputs(RequestQueue(), backends, EndpointMetrics("e", "v", MetricStore(), ManualClock()))


def send(key):
    request = InvocationRequest(endpoint_name="e", input_location=f"s3://documents/{key}")
    payload = inputs.payload(QueuedRequest(request, "", None, 0.0, OutputConfig(None, None, None, None)))
    answer = container.invoke(payload.body, content_type=payload.content_type, timeout=100)
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
        left = SIZE if self.path.endswith("large") else 10
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
def served() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), S3AndContainer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_gigabyte_costs_less_than_a_hundred_megabytes() -> None:
    with served() as port:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(port)], capture_output=True, text=True, check=False, timeout=120
        )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["small"], found["large"]) == (10, SIZE)
    assert found["grown_mb"] < 100
