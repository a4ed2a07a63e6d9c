"""The pages: what is on them, that nothing of a user's is markup in them, and that they load nothing from elsewhere."""

import http.client
import io
import json
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from PIL import Image

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.console.routes import Pages
from async_endpoint.emulator.hosting.history import ANSWER_BYTES_KEPT, DOCUMENTS_KEPT
from tests.emulator.conftest import Running
from tests.emulator.console.test_overview import alarm, asleep, dimension, request
from tests.emulator.fakes import (
    REGION,
    START,
    FakeClock,
    FakeRegion,
    endpoint_config,
    eventually,
    fake_region,
    model,
)
from tests.emulator.hosting.test_history import ended, sampled

HOSTILE = """</pre><script>alert("1")</script><img src=x onerror='alert(2)'> & \u202e\x1b[31m"""
HOSTILE_ID = """<script>alert("1")</script> & 'q'"""
SHOWN = HOSTILE.replace("\x1b", "\ufffd")
ENDPOINT = "/_local/endpoints/receipts"
# fmt: off
TAGS = frozenset((
    "html", "head", "meta", "title", "link", "body", "header", "nav", "main", "section", "div", "p", "h1", "h2", "a",
    "span", "time", "dl", "dt", "dd", "ul", "li", "pre", "img", "svg", "desc", "line", "text", "g", "rect", "path",
    "table", "caption", "thead", "tbody", "tr", "th", "td",
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


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        asleep(region)
        yield region


def pages(*regions: FakeRegion) -> Pages:
    return Pages(lambda: regions, FakeClock(START))


def page(region: FakeRegion, path: str = ENDPOINT, /, *, status: int = 200, **query: str) -> Read:
    answered, headers, body = pages(region).handle("GET", path, query, b"")
    assert answered == status
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
    remembered(region, "id-0", answer=b'{"total": "12.50"}')
    sampled(region.history, START, waiting=3, instances=1, desired=1)


def test_the_first_page_lists_the_endpoints_of_every_region_and_leads_to_theirs(region: FakeRegion) -> None:
    filled(region)
    read = page(region, "/_local/")
    assert f"Endpoints in {REGION}" in read.text
    assert "Other alarms" in read.text
    (address,) = [address for address in read.addresses if "/endpoints/" in address]
    path, _, query = address.partition("?")
    status, _, body = pages(region).handle("GET", path, dict(parse_qsl(query)), b"")
    assert status == 200
    assert "Queue: 1 waiting" in Read(body.decode()).text


def test_before_the_first_request_the_first_page_says_so() -> None:
    status, _, body = pages().handle("GET", "/_local/", {}, b"")
    assert status == 200
    assert b"No request yet." in body


def test_an_endpoints_page_has_queue_charts_alarms_and_documents_with_captions(region: FakeRegion) -> None:
    filled(region)
    read = page(region)
    for text in ("Queue: 1 waiting", "id-1", "s3://inputs/1.jpg", "wake", "Last documents", '{"total": "12.50"}'):
        assert text in read.text
    assert len(read.all("caption")) == len(read.all("table")) == 5
    assert len(read.all("svg")) == 4  # two charts in two sizes
    assert "other" not in read.text.split()


def test_what_users_send_is_text_wherever_it_is_shown(region: FakeRegion) -> None:
    region.endpoint("receipts").accept(request(1, inference_id=HOSTILE_ID, input_location=f"s3://inputs/{HOSTILE}"))
    region.autoscaling.put_alarm(alarm(HOSTILE, Dimensions=dimension("receipts")))
    region.autoscaling.put_alarm(alarm(f"{HOSTILE} other"))
    remembered(region, HOSTILE, output_location=HOSTILE, answer=HOSTILE.encode())
    remembered(region, "json", answer=json.dumps({HOSTILE: [HOSTILE, "\ud800"]}).encode())
    for read in (page(region), page(region, "/_local/")):
        assert {tag for tag, _ in read.elements} <= TAGS
        assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
        assert SHOWN in read.text
    assert page(region).text.count(SHOWN) == 5  # key, alarm, answer, id, output
    assert page(region).text.count('alert(\\"1\\")') == 2  # in the answer that is JSON
    assert page(region).text.count(HOSTILE_ID) == 1


@pytest.mark.parametrize(
    "answer",
    [b"[" * 2000, b"\xff\xfe\x00", b"NaN", b'{"a": "\\ud800"}', b"9" * 2000, b"", b'{"a": 1' + b" " * 3000],
    ids=["deep", "binary", "no number", "half a pair", "long number", "empty", "cut off"],
)
def test_an_answer_of_any_kind_is_shown(region: FakeRegion, answer: bytes) -> None:
    remembered(region, "strange", answer=answer)
    assert "strange" in page(region).text


def test_of_a_long_answer_the_page_says_how_much_it_shows(region: FakeRegion) -> None:
    remembered(region, "long", answer=b"a" * (ANSWER_BYTES_KEPT + 1))
    assert "The first 2,048 of 2,049 bytes." in page(region).text


def test_ten_documents_are_shown_and_all_that_are_kept_on_request(region: FakeRegion) -> None:
    for number in range(DOCUMENTS_KEPT):
        remembered(region, f"id-{number}")
    few, every = page(region), page(region, documents="all")
    assert [len(read.all("pre")) for read in (few, every)] == [10, 50]
    assert "?documents=all" in few.addresses
    assert "id-49" in few.text
    assert "id-39" not in few.text


def test_it_comes_anew_every_two_seconds_unless_told_not_to(region: FakeRegion) -> None:
    refreshing, still = page(region, span="30"), page(region, span="30", refresh="0")
    assert {"http-equiv": "refresh", "content": "2"} in refreshing.all("meta")
    assert not [attributes for attributes in still.all("meta") if "http-equiv" in attributes]
    assert "?span=30&refresh=0" in refreshing.addresses
    assert "?span=30" in still.addresses


def test_the_time_shown_is_what_was_chosen(region: FakeRegion) -> None:
    region.clock.advance(5 * 3600)
    sampled(region.history, START + 60, waiting=5)
    assert len(page(region, span="120").all("g")) == 0
    assert len(page(region, span="360").all("g")) == 2  # one bar in two sizes
    assert len(page(region, span="nonsense").all("g")) == 0


def test_everything_that_it_loads_or_leads_to_is_its_own(region: FakeRegion) -> None:
    filled(region)
    for read in (page(region), page(region, "/_local/")):
        assert [address for address in read.addresses if not address.startswith(("/_local/", "?"))] == []
    for name in ("style.css", "icon.svg"):
        status, _, body = pages(region).handle("GET", f"/_local/{name}", {}, b"")
        assert status == 200
        assert b"url(" not in body
        assert b"import" not in body


@pytest.mark.parametrize(
    "path", ["/_local/", ENDPOINT, "/_local/endpoints/none", "/_local/overview", "/_local/documents/1"]
)
def test_every_answer_forbids_scripts_and_guessing_of_types(region: FakeRegion, path: str) -> None:
    _, headers, _ = pages(region).handle("GET", path, {}, b"")
    assert headers["content-security-policy"].startswith("default-src 'none'; img-src 'self'; style-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_said_and_not_markup(region: FakeRegion) -> None:
    read = page(region, f"/_local/endpoints/{HOSTILE}", status=404, region=HOSTILE)
    assert f"There is no endpoint {SHOWN} in {SHOWN}." in read.text
    assert {tag for tag, _ in read.elements} <= TAGS


def test_there_is_nothing_to_post(region: FakeRegion) -> None:
    assert pages(region).handle("POST", ENDPOINT, {}, b"{}")[0] == 405
    assert pages(region).handle("HEAD", ENDPOINT, {}, b"")[0] == 200


def test_the_overview_is_that_of_the_region_that_was_asked_for(region: FakeRegion) -> None:
    def asked(**query: str) -> Any:
        return json.loads(pages(region).handle("GET", "/_local/overview", query, b"")[2])

    assert [endpoint["name"] for endpoint in asked(region=REGION)["endpoints"]] == ["receipts"]
    assert asked(region="eu-west-3")["endpoints"] == asked(region=REGION, account="1")["endpoints"] == []
    assert asked(region="eu-west-3")["regions"] == [REGION]


def picture_bytes(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, kind)
    return file.getvalue()


class Documents:
    """Documents in the running S3, and a region that knows of them."""

    def __init__(self, region: FakeRegion) -> None:
        self.region = region
        self.bucket = f"documents-{uuid.uuid4()}"
        region.clients.s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        """How the page answers when it is asked for a document."""
        self.region.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)
        ended(self.region.history, key, input_location=f"s3://{self.bucket}/{key}")
        number = self.region.history.documents("receipts")[0].number
        return pages(self.region).handle("GET", f"/_local/documents/{number}", {}, b"")


@pytest.fixture
def documents(clients: AwsClients, tmp_path: Path) -> Iterator[Documents]:
    with fake_region(tmp_path, clients=clients) as region:
        asleep(region)
        yield Documents(region)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_shown_beside_its_answer_whatever_its_object_is_said_to_be(
    documents: Documents, kind: str
) -> None:
    body = picture_bytes(kind)
    status, headers, found = documents.put("1", body, "text/html")
    assert (status, found) == (200, body)
    assert headers["content-type"] == f"image/{kind.lower()}"
    assert headers["x-content-type-options"] == "nosniff"
    (image,) = page(documents.region).all("img")
    assert (image["src"] or "").startswith("/_local/documents/1?")
    assert image["alt"] == "The document 1"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        (b"<html><script>alert(1)</script></html>", "image/png"),
        (b"", "image/png"),
    ],
    ids=["a drawing with a script", "a page that says it is a picture", "nothing"],
)
def test_what_is_no_picture_is_not_handed_out(documents: Documents, body: bytes, content_type: str) -> None:
    status, headers, found = documents.put("<b>1", body, content_type)
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"alert" not in found
    assert page(documents.region).all("img") == []


def test_a_picture_that_is_gone_or_never_was_is_not_there(documents: Documents) -> None:
    ended(documents.region.history, "gone", input_location=f"s3://{documents.bucket}/gone.png")
    ended(documents.region.history, "inline", input_location=None)
    for number in ("1", "2", "3", "x", "", "9" * 5_000):
        assert pages(documents.region).handle("GET", f"/_local/documents/{number}", {}, b"")[0] == 404
    assert page(documents.region).all("img") == []


def test_an_open_page_uses_up_no_fault_that_is_meant_for_clients(documents: Documents, running: Running) -> None:
    body = picture_bytes("PNG")
    documents.put("1", body, "image/png")
    faults = running.local.faults
    faults.add("error", service="s3", count=1)
    try:
        assert len(page(documents.region).all("img")) == 1
        assert pages(documents.region).handle("GET", "/_local/documents/1", {}, b"")[2] == body
        assert faults.describe()["faults"][0]["struck"] == 0
    finally:
        faults.clear(seed=0)


def test_the_running_local_aws_answers_with_its_endpoints(running: Running) -> None:
    name, region = f"page-{uuid.uuid4()}", "eu-north-1"
    sagemaker = running.client("sagemaker", region)
    sagemaker.create_model(**model(name))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def get(path: str) -> str:
        connection = http.client.HTTPConnection("localhost", running.local.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    eventually(lambda: ">Failed<" in get(f"/_local/endpoints/{name}"), "the endpoint has failed, on its page")
    reason = sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    assert reason in Read(get(f"/_local/endpoints/{name}?region={region}")).text
    assert name in get("/_local/")
    assert name in [endpoint["name"] for endpoint in json.loads(get(f"/_local/overview?region={region}"))["endpoints"]]
    assert "--waiting" in get("/_local/style.css")
