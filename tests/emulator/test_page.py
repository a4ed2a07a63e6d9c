"""The local AWS's pages: what a user sees of an endpoint, and nothing that a document or an id could smuggle in."""

import html
import json
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from async_endpoint.emulator.application_autoscaling import ApplicationAutoScaling
from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.control_plane import ControlPlane
from async_endpoint.emulator.history import History
from async_endpoint.emulator.page import Pages
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.scaling.clock import ManualClock
from tests.emulator.conftest import Running, Surroundings
from tests.emulator.fakes import LIMIT, START, FakeInstance, FakeRegion, eventually, fake_region

CHROMIUM = shutil.which("chromium")
RECEIPT = Path(__file__).parents[2] / "samples" / "receipts" / "receipt-000.jpg"
HOSTILE = "<script>document.title='owned'</script>"


class FastClock(ManualClock):
    speed = 60.0


@dataclass
class Viewed:
    """A region as the pages look at it."""

    region: FakeRegion
    clock: FastClock

    @property
    def name(self) -> str:
        return self.region.backends.region

    @property
    def account(self) -> str:
        return self.region.account

    @property
    def backends(self) -> Backends:
        return self.region.backends

    @property
    def history(self) -> History:
        return self.region.site.history

    @property
    def sagemaker(self) -> ControlPlane:
        return self.region.sagemaker

    @property
    def autoscaling(self) -> ApplicationAutoScaling:
        return self.region.autoscaling


@pytest.fixture
def pages(tmp_path: Path, backends: Backends, around: Surroundings) -> Iterator[Pages]:
    """Pages of an endpoint with two documents that have ended, one that runs and three that wait."""
    with fake_region(tmp_path, backends=backends) as region:
        working = FakeInstance()
        region.launches.prepared.append(working)
        endpoint = region.create("receipts", output=around.output)
        picture = around.upload(RECEIPT.read_bytes(), "image/jpeg")
        endpoint.accept(InvocationRequest(endpoint_name="receipts", input_location=picture, inference_id="first"))
        endpoint.accept(InvocationRequest(endpoint_name="receipts", body=b"x", inference_id=HOSTILE))
        eventually(lambda: endpoint.queue.backlog == 0, "both outcomes")
        working.handler = working.hang
        for number in range(5):
            endpoint.accept(InvocationRequest(endpoint_name="receipts", body=b"x", inference_id=f"late-{number}"))
        eventually(lambda: endpoint.queue.in_flight == 2, "two running requests")
        clock = FastClock(START)
        for _ in range(4):
            region.clock.advance(60)
            clock.advance(60)
            endpoint.sample()
        viewed = Viewed(region, clock)
        yield Pages.of(lambda: [viewed], clock)


def get(pages: Pages, path: str) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(path)
    status, headers, body = pages.handle("GET", parts.path, dict(parse_qsl(parts.query)), b"")
    return status, headers, body.decode("utf-8", "replace")


def test_the_overview_as_json(pages: Pages) -> None:
    status, headers, body = get(pages, "/_local/overview?region=us-east-1")
    (endpoint,) = json.loads(body)["endpoints"]
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (endpoint["name"], endpoint["status"], endpoint["running"]) == ("receipts", "InService", 1)
    assert (endpoint["backlog"]["waiting"], endpoint["backlog"]["in_flight"]) == (3, 2)
    assert {document["inference_id"] for document in endpoint["documents"]} == {"first", HOSTILE}
    assert endpoint["documents"][0]["instance"] == FakeInstance.instance_id


def test_what_users_send_is_text(pages: Pages) -> None:
    status, headers, body = get(pages, "/_local/endpoints/receipts?region=us-east-1")
    assert status == 200
    assert HOSTILE not in body
    assert html.escape(HOSTILE) in body or html.escape(HOSTILE, quote=False) in body
    assert "script" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_refreshes_itself_unless_it_is_told_not_to(pages: Pages) -> None:
    path = "/_local/endpoints/receipts?region=us-east-1"
    assert 'http-equiv="refresh"' in get(pages, path)[2]
    assert 'http-equiv="refresh"' not in get(pages, f"{path}&refresh=0")[2]


@pytest.mark.parametrize("path", ["/_local/endpoints/none?region=us-east-1", "/_local/documents/999?region=us-east-1"])
def test_what_is_not_there_says_so(pages: Pages, path: str) -> None:
    assert get(pages, path)[0] == 404


def test_there_is_nothing_to_change(pages: Pages) -> None:
    assert pages.handle("POST", "/_local/", {}, b"{}")[0] == 405


def test_a_running_local_aws_has_them(running: Running) -> None:
    from urllib.request import urlopen  # noqa: PLC0415 - the one test that goes over the network

    with urlopen(f"{running.local.endpoint_url}/_local/", timeout=LIMIT) as answer:  # noqa: S310 - localhost
        assert "<h1>Local AWS</h1>" in answer.read().decode()


@contextmanager
def served(pages: Pages) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = pages.handle("GET", parts.path, dict(parse_qsl(parts.query)), b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so that no browser has looked at the page")
def test_a_browser_shows_the_page(pages: Pages, tmp_path: Path) -> None:
    def chromium(number: int, *options: str) -> str:
        command = [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / f'profile-{number}'}", *options,
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    with served(pages) as address:
        page = f"{address}/_local/endpoints/receipts?region=us-east-1&refresh=0"
        dom = chromium(1, "--dump-dom", page)
        chromium(2, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1280,1600", page)

    assert "<title>owned</title>" not in dom
    assert "3 waiting" in dom
    assert dom.count("<svg") >= 2
    assert "late-2" in dom  # it waits
    assert "total" in dom  # the answer stands beside its document
    assert "<img" in dom
    picture = (tmp_path / "page.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1280, 1600)
    assert len(set(picture)) > 100  # it is not blank
