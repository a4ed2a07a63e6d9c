"""The download of a price list, from a server on this machine: limits, redirects, and what ends early."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from async_endpoint.operations.price_list_download import DownloadError, downloaded, is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = b"x" * 3_000_000


class Handler(BaseHTTPRequestHandler):
    """Serves what a path asks for."""

    stop: ClassVar[threading.Event]

    def do_GET(self) -> None:
        match self.path:
            case "/list":
                self._send(200, BODY, {"Content-Length": str(len(BODY))})
            case "/unknown-length":
                self._send(200, BODY, {})
            case "/cut":
                self._send(200, BODY[:1_000], {"Content-Length": str(len(BODY))})
            case "/plain":
                self._send(302, b"", {"Location": "http://192.0.2.1/list"})
            case "/ftp":
                self._send(302, b"", {"Location": "ftp://127.0.0.1/list"})
            case "/moved":
                self._send(302, b"", {"Location": "/list"})
            case "/trickle":
                self._trickle()
            case "/silent":
                self.stop.wait(30)
            case _:
                self._send(403, b"no", {})

    def _trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            if self.stop.wait(0.1):
                return

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.stop = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        Handler.stop.set()
        made.shutdown()
        thread.join()


def size_of(url: str, **limits: Any) -> tuple[int, list[tuple[int, int | None]]]:
    steps: list[tuple[int, int | None]] = []
    with downloaded(url, progress=lambda *step: steps.append(step), **limits) as path:
        size = path.stat().st_size
    assert not path.exists()
    return size, steps


def rejection(url: str, **limits: Any) -> str:
    with pytest.raises(DownloadError) as rejected:
        size_of(url, **limits)
    return str(rejected.value)


@pytest.mark.parametrize("path", ["/list", "/moved"])
def test_a_list_is_in_a_temporary_file(server: str, path: str) -> None:
    size, steps = size_of(server + path)
    assert size == len(BODY)
    assert steps[-1] == (len(BODY), len(BODY))


def test_the_size_may_be_unknown(server: str) -> None:
    size, steps = size_of(f"{server}/unknown-length")
    assert (size, steps[-1]) == (len(BODY), (len(BODY), None))


@pytest.mark.parametrize("path", ["/list", "/unknown-length"])
def test_a_list_that_is_too_large_is_a_sentence(server: str, path: str) -> None:
    message = f"{server}{path} has more than 2,000,000 bytes: take the list of one region."
    assert rejection(server + path, most_bytes=2_000_000) == message


def test_a_list_that_ends_early_is_a_sentence(server: str) -> None:
    assert rejection(f"{server}/cut") == f"{server}/cut ended after 1,000 of 3,000,000 bytes: try again."


def test_a_server_that_sends_nothing_is_a_sentence(server: str) -> None:
    assert "cannot be downloaded: timed out." in rejection(f"{server}/silent", silent_seconds=0.2)


def test_a_download_that_takes_too_long_is_a_sentence(server: str) -> None:
    assert "takes too long: download it with another program" in rejection(f"{server}/list", most_seconds=-1)


def test_a_server_that_sends_byte_by_byte_does_not_outlast_the_limit(server: str) -> None:
    began = time.monotonic()
    assert "takes too long: download it with another program" in rejection(f"{server}/trickle", most_seconds=0.5)
    assert time.monotonic() - began < 9


def test_another_status_is_a_sentence(server: str) -> None:
    assert rejection(f"{server}/none").endswith(" responds with status 403: check the offer and the region in it.")


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    assert "cannot be downloaded: " in rejection("http://127.0.0.1:9/list")


@pytest.mark.parametrize("path", ["/plain", "/ftp"])
def test_a_redirect_to_where_nothing_is_downloaded_from_is_a_sentence(server: str, path: str) -> None:
    assert "is not allowed: a price list is downloaded over https." in rejection(server + path)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/index.json", "http://127.0.0.1.example.com/a", "ftp://127.0.0.1/a", "file:///a", "https:///a"],
)
def test_only_https_is_allowed_elsewhere(url: str) -> None:
    assert rejection(url) == f"{url} is not allowed: a price list is downloaded over https."


@pytest.mark.parametrize("url", ["https://127.0.0.1:9/\u00e9", "https://a..b/x", f"https://{'a' * 70}/x"])
def test_a_url_that_cannot_be_sent_is_a_sentence(url: str) -> None:
    assert rejection(url) == f"{url} is no URL: a part of it cannot be sent. Escape it."


def test_a_url_with_a_wrong_address_is_a_sentence() -> None:
    assert rejection("https://[::1/a").startswith("https://[::1/a is no URL: ")


def test_a_source_is_a_url_or_a_file() -> None:
    assert [is_url(each) for each in ("https://a/b", "ftp://a", "a/b.json", "C:/b.json")] == [True, True, False, False]
