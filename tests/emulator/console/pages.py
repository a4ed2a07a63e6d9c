"""Pages as a browser reads them, and regions to show on them, for tests."""

from html.parser import HTMLParser
from typing import Any

from async_endpoint.emulator.console.routes import Pages
from tests.emulator.console.test_overview import alarm, dimension, request
from tests.emulator.fakes import START, FakeClock, FakeRegion
from tests.emulator.hosting.test_history import ended, sampled

HOSTILE = """</pre><script>alert("1")</script><img src=x onerror='alert(2)'> & \u202e\x1b[31m"""
HOSTILE_ID = """<script>alert("1")</script> & 'q'"""
SHOWN = HOSTILE.replace("\x1b", "\ufffd")
ENDPOINT = "/_local/endpoints/receipts"
# fmt: off
TAGS = frozenset((
    "html", "head", "meta", "title", "link", "body", "header", "nav", "main", "section", "div", "p", "h1", "h2", "a",
    "span", "time", "dl", "dt", "dd", "ul", "li", "pre", "img", "svg", "desc", "line", "text", "g", "rect", "path",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "form", "input", "button",
))
# fmt: on


class Read(HTMLParser):
    """A page as a browser reads it: its elements, its addresses and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def addresses(self) -> list[str]:
        return [value or "" for _, each in self.elements for name, value in each.items() if name in ("src", "href")]


def pages(*regions: FakeRegion) -> Pages:
    return Pages(lambda: regions, FakeClock(START))


def page(region: FakeRegion, path: str = ENDPOINT, /, *, status: int = 200, **query: str) -> Read:
    responded, headers, body = pages(region).handle("GET", path, query, b"")
    assert responded == status
    assert headers["content-type"] == "text/html; charset=utf-8"
    return Read(body.decode())


def remembered(region: FakeRegion, inference_id: str, **members: Any) -> None:
    """A document that came with its request, so that nobody looks for it in S3."""
    ended(region.history, inference_id, **{"input_location": None, **members})


def filled(region: FakeRegion) -> None:
    """Something in every part of the page."""
    region.endpoint("receipts").accept(request(1))
    region.autoscaling.put_alarm(alarm("wake", Dimensions=dimension("receipts")))
    region.autoscaling.put_alarm(alarm("other"))
    remembered(region, "id-0", result=b'{"total": "12.50"}')
    sampled(region.history, START, waiting=3, instances=1, desired=1)
