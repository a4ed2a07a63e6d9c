"""Requests to a local AWS bypass every proxy, and a missing response is an error of one sentence."""

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
from async_endpoint.emulator.server_process import serving_process

NOWHERE = "http://127.0.0.1:9"  # the discard service's port


@contextmanager
def responding(status: int, body: bytes) -> Iterator[str]:
    """The URL of a server with the same response to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "9" if self.path == "/cut-off" else str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with a proxy for every host."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setattr(urllib.request, "_opener", None)  # which remembers the proxies of its first use


@pytest.mark.usefixtures("proxy")
def test_requests_bypass_the_users_proxy() -> None:
    found = {"seed": 0, "faults": list[str]()}
    with responding(200, json.dumps(found).encode()) as address:
        assert FaultClient(address).describe() == found
        assert serving_process(address) is None  # a server, but not a local AWS


def test_a_rejected_request_raises_the_responses_message() -> None:
    with responding(400, b'{"message": "There is no such fault."}') as address:
        with pytest.raises(FaultError, match=r"^There is no such fault\.$"):
            FaultClient(address).describe()
        assert serving_process(address) is None


@pytest.mark.parametrize(("status", "body"), [(502, b"<h1>Bad gateway</h1>"), (200, b"hello"), (200, b"[]")])
def test_a_response_of_another_server_is_an_error_of_one_sentence(status: int, body: bytes) -> None:
    with responding(status, body) as address, pytest.raises(NoResponse) as error:
        FaultClient(address).describe()
    host = address.removeprefix("http://")
    assert (
        str(error.value) == f"The server at {host} is not a local AWS, or it is broken: status {status} without JSON."
    )


def test_a_port_without_a_server_is_an_error_of_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        host = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(NoResponse) as error:
            FaultClient(f"http://{host}").add("kill")
        assert serving_process(f"http://{host}") is None
    assert str(error.value) == f"The local AWS at {host} does not respond: Connection refused."


def test_a_response_that_is_late_or_cut_off_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://localhost:{server.getsockname()[1]}"
        with pytest.raises(NoResponse, match="does not respond: timed out"):
            fetch(address, timeout=0.1)
    with responding(200, b"") as address, pytest.raises(NoResponse, match="does not respond"):
        fetch(f"{address}/cut-off")
