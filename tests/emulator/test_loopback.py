"""A local AWS is asked past every proxy, and one that does not respond is a sentence."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from async_endpoint.emulator.faults.faults import FaultError
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.loopback import NoResponse, fetch
from async_endpoint.emulator.server_process import is_ready

NOWHERE = "http://127.0.0.1:9"  # the discard service's port


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The address of something that answers whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "9" if self.path == "/cut-off" else str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose way to the web is a proxy, and who has said of no host that it is not."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setattr(urllib.request, "_opener", None)  # which remembers the proxies of its first use


@pytest.mark.usefixtures("proxy")
def test_a_local_aws_is_asked_past_the_users_proxy() -> None:
    found = {"seed": 0, "faults": list[str]()}
    with answering(200, json.dumps(found).encode()) as address:
        assert FaultClient(address).describe() == found
        assert is_ready(address)


def test_a_refusal_is_its_own_sentence() -> None:
    with answering(400, b'{"message": "There is no such fault."}') as address:
        with pytest.raises(FaultError, match=r"^There is no such fault\.$"):
            FaultClient(address).describe()
        assert not is_ready(address)


@pytest.mark.parametrize(("status", "body"), [(502, b"<h1>Bad gateway</h1>"), (200, b"hello"), (200, b"[]")])
def test_an_answer_of_something_else_is_a_sentence(status: int, body: bytes) -> None:
    with answering(status, body) as address, pytest.raises(NoResponse) as told:
        FaultClient(address).describe()
    host = address.removeprefix("http://")
    assert str(told.value) == f"The server at {host} is not a local AWS, or it is broken: status {status} without JSON."


def test_nobody_there_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        host = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(NoResponse) as told:
            FaultClient(f"http://{host}").add("kill")
        assert not is_ready(f"http://{host}")
    assert str(told.value) == f"The local AWS at {host} does not respond: Connection refused."


def test_an_answer_that_does_not_come_or_breaks_off_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://localhost:{server.getsockname()[1]}"
        with pytest.raises(NoResponse, match="does not respond: timed out"):
            fetch(address, timeout=0.1)
    with answering(200, b"") as address, pytest.raises(NoResponse, match="does not respond"):
        fetch(f"{address}/cut-off")
