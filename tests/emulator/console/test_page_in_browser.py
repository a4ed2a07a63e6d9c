"""The page as a user sees it: in a real browser, on a wide and a narrow screen, by day and by night."""

import base64
import io
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.console.retries import RetryForm
from async_endpoint.emulator.console.routes import Pages
from tests.emulator.console.browser import CHROMIUM, Browser, browser
from tests.emulator.console.deployed import DeployedStage
from tests.emulator.console.test_overview import alarm, asleep, dimension, request
from tests.emulator.console.test_retries import Retried
from tests.emulator.fakes import START, FakeRegion, eventually, fake_region
from tests.emulator.hosting.test_history import ended, sampled

RECEIPT = Path(__file__).resolve().parents[3] / "samples/receipts/receipt-000.jpg"
RESULT = {"store": "MINT GRILL", "total": "169.63", "items": [{"name": "APPLES", "price": "77.01"}] * 2}
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
BACKLOG = [0, 4, 20, 12, 0, 7]  # by minute

# The rightmost edge of anything, but for what scrolls by itself, and for what is shown to screen readers alone.
RIGHTMOST = """Math.max(...[...document.querySelectorAll('body *')].filter(e => !e.closest('pre, thead') &&
    e.getClientRects().length).map(e => Math.ceil(e.getBoundingClientRect().right)))"""
# Contrast of the text of each element that has some with what is behind it, by WCAG 2; the least of all.
CONTRAST = """(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = e => { const c = rgb(getComputedStyle(e).backgroundColor);
      return c.length === 4 && c[3] === 0 ? (e.parentElement ? behind(e.parentElement) : [255, 255, 255]) : c };
  const texts = [...document.querySelectorAll('body *')].filter(e => e.getClientRects().length &&
      [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map(e => { const style = getComputedStyle(e);
      const [a, b] = [light(rgb(e.closest('svg') ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05) }));
})()"""


@contextmanager
def served(pages: Pages, origins: list[str | None]) -> Iterator[str]:
    """Pages on a port of this machine; the Origin of each form is noted."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = pages.handle("GET", parts.path, dict(parse_qsl(parts.query)), b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            origins.append(self.headers["origin"])
            status, headers, body = pages.handle("POST", self.path, {}, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fill(region: FakeRegion) -> None:
    """Six minutes of an endpoint: a backlog that comes and goes, a document with its result, and a bad one."""
    bucket = f"documents-{uuid.uuid4()}"
    region.clients.s3.create_bucket(Bucket=bucket)
    region.clients.s3.put_object(Bucket=bucket, Key="receipt.jpg", Body=RECEIPT.read_bytes())
    asleep(region)
    region.autoscaling.put_alarm(alarm("TargetTracking-" + "a" * 120, Dimensions=dimension("receipts")))
    for minute, waiting in enumerate(BACKLOG):
        sampled(region.history, START + minute * 60, waiting=waiting, in_flight=waiting and 1, instances=minute % 2)
    region.clock.advance(len(BACKLOG) * 60)
    region.endpoint("receipts").accept(request(1, inference_id="<b>1</b>", input_location=f"s3://{bucket}/{HOSTILE}"))
    region.endpoint("receipts").accept(request(2, input_location=f"s3://{bucket}/" + "k" * 500))
    ended(
        region.history, "bad", status="Failed", input_location=None, result=HOSTILE.encode(), content_type="text/html"
    )
    ended(
        region.history,
        "good",
        input_location=f"s3://{bucket}/receipt.jpg",
        result=json.dumps(RESULT).encode(),
        at=START,
    )


def screenshot(tab: Browser, path: Path) -> Image.Image:
    path.write_bytes(base64.b64decode(tab.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))
    return Image.open(io.BytesIO(path.read_bytes())).convert("RGB")


def rows(tab: Browser, caption: str) -> Any:
    return tab.look(
        "[...document.querySelectorAll('table')].filter(t => t.caption.textContent.startsWith("
        f"{json.dumps(caption)})).map(t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText)))[0]"
    )


@pytest.mark.skipif(CHROMIUM is None, reason="NOT RUN: there is no chromium here (Debian: apt-get install chromium)")
def test_a_user_sees_the_past_the_queue_and_each_document_beside_its_result(
    clients: AwsClients, tmp_path: Path
) -> None:
    with (
        fake_region(tmp_path, clients=clients) as region,
        served(Pages(lambda: [region], region.clock), []) as address,
        browser(tmp_path / "profile") as tab,
    ):
        fill(region)
        page = f"{address}/_local/endpoints/receipts"
        tab.be(1280, "light")
        tab.show(f"{page}?refresh=0")

        # Charts: of each the size that fits, a bar for each minute with a backlog, in proportion to it.
        charts = "[...document.querySelectorAll('svg.chart')].filter(c => c.getClientRects().length)"
        assert tab.look(f"{charts}.map(c => c.querySelector('title').textContent)") == [
            "Backlog over time",
            "Instances over time",
        ]
        heights = tab.look(
            f"[...{charts}[0].querySelectorAll('rect.waiting')].map(r => r.getBoundingClientRect().height)"
        )
        highest = max(BACKLOG)
        assert [round(height / max(heights), 2) for height in heights] == [
            pytest.approx(waiting / highest, abs=0.02) for waiting in BACKLOG if waiting
        ]
        assert tab.look(f"{charts}[1].querySelector('path.running').getBoundingClientRect().width") > 100

        # The queue, and the documents beside their results; nothing of a user's is markup.
        queue = rows(tab, "Queue: 2 waiting")
        assert [row[0] for row in queue] == ["<b>1</b>", "id-2"]
        assert queue[0][1].endswith(HOSTILE)
        good, bad = rows(tab, "Last documents")
        assert json.loads(good[1]) == RESULT
        assert bad[1] == HOSTILE
        tab.look("document.images[0].scrollIntoView()")  # pictures are loaded when they are looked at
        eventually(lambda: tab.look("document.images[0].complete && document.images[0].naturalWidth"), "the picture")
        assert tab.look("[...document.images].map(i => i.clientHeight > 100)") == [True]
        assert tab.look("[document.title, document.scripts.length]") == ["receipts · Local AWS", 0]

        # By day and by night, wide and narrow: readable, and nothing wider than the screen.
        backgrounds = {}
        for width, scheme in ((1280, "light"), (1280, "dark"), (400, "dark"), (400, "light")):
            tab.be(width, scheme)
            room, needed = tab.look("(({clientWidth: a, scrollWidth: b}) => [a, b])(document.documentElement)")
            assert width - 20 < room == needed  # a scroll bar may take some
            assert tab.look(RIGHTMOST) <= room
            assert tab.look(CONTRAST) >= 4.5
            picture = screenshot(tab, tmp_path / f"{scheme}-{width}.png")
            assert picture.width in (room, width)
            backgrounds[scheme] = picture.getpixel((2, 2))
        assert backgrounds == {"light": (246, 247, 249), "dark": (20, 23, 27)}
        assert tab.look(f"{charts}.map(c => c.classList.contains('narrow'))") == [True, True]

        # It loads itself again, and nothing from elsewhere.
        tab.show(page)
        ended(region.history, "newer", input_location=None, result=b'"NEW"')
        eventually(lambda: "newer" in (tab.look("document.body?.innerText") or ""), "the page again", every=0.2)
        assert {urlsplit(asked).netloc for asked in tab.requested} == {urlsplit(address).netloc}
        assert tab.complaints == []


@pytest.mark.skipif(CHROMIUM is None, reason="NOT RUN: there is no chromium here (Debian: apt-get install chromium)")
def test_a_user_submits_a_document_again_on_a_phone(
    connected: FakeRegion, deployed: DeployedStage, tmp_path: Path
) -> None:
    """The policy of the headers lets the browser send the form, and with the Origin by which the gateway takes it."""
    job, retried, origins = deployed.failed().job_id, Retried(), list[str | None]()
    ended(connected.history, job, status="Failed", input_location="s3://inputs/" + "k" * 300)
    pages = Pages(lambda: [connected], connected.clock, form=RetryForm(retried), instance_price=1234.5678)
    with served(pages, origins) as address, browser(tmp_path / "profile") as tab:
        tab.be(390, "light")
        tab.show(f"{address}/_local/endpoints/receipts?refresh=0")
        assert tab.look("document.documentElement.scrollWidth") <= 390
        assert tab.look(RIGHTMOST) <= 390
        assert tab.look("document.querySelector('button').getBoundingClientRect().height") >= 30
        assert [row[0] for row in rows(tab, "Queues of the workflow")] == ["intake", "urgent", "results", "events"]
        loads = tab.loads
        tab.look("document.querySelector('button').click()")
        eventually(lambda: tab.look("document.readyState") and tab.loads > loads, "the page after the form")

        assert retried.calls == [(deployed.stack, job)]
        assert origins == [address]
        assert tab.look("location.pathname + location.search").startswith(
            "/_local/endpoints/receipts?refresh=0&region="
        )
        assert tab.complaints == []
