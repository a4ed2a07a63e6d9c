"""Documents that are pictures, beside their results; nothing else is handed to a browser."""

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.local_routes import Response
from tests.emulator.conftest import Running
from tests.emulator.console.pages import page, pages
from tests.emulator.console.test_overview import asleep
from tests.emulator.fakes import FakeRegion, fake_region
from tests.emulator.hosting.test_history import ended


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

    def put(self, key: str, body: bytes, content_type: str) -> Response:
        """Puts a document into S3 and returns the response to a request for its picture."""
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
def test_a_picture_is_shown_beside_its_result_whatever_content_type_its_object_has(
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
def test_what_is_not_a_picture_is_not_found(documents: Documents, body: bytes, content_type: str) -> None:
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
