"""Documents in all their forms."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.client import InvalidDocument
from async_endpoint.client.documents import MAXIMUM_DOCUMENT_BYTES, Document
from async_endpoint.protocol import InvocationRequest, S3Location

PREFIX = S3Location("inputs", "by-hand/")


def test_the_content_type_comes_from_the_content_and_the_name(tmp_path: Path) -> None:
    (tmp_path / "really-a-jpeg.png").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "unknown.pdf").write_bytes(b"????")

    assert Document.from_source(b"%PDF-1.7\n").content_type == "application/pdf"
    assert Document.from_source(tmp_path / "really-a-jpeg.png").content_type == "image/jpeg"
    assert Document.from_source(tmp_path / "unknown.pdf").content_type == "application/pdf"
    assert Document.from_source(S3Location("b-1", "in/a.tiff")).content_type == "application/x-image"


def test_a_text_is_a_location_or_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    assert Document.from_source("s3://bucket/in/a.png").source == S3Location("bucket", "in/a.png")
    assert Document.from_source("https://bucket.s3.eu-west-1.amazonaws.com/a").source == S3Location("bucket", "a")
    assert Document.from_source(str(tmp_path / "a.png")).source == tmp_path / "a.png"


@pytest.mark.parametrize(
    ("given_document", "sentence"),
    [
        ("no/such/file.png", "no/such/file.png cannot be read: No such file or directory."),
        (Path("/"), "/ cannot be read: Is a directory."),
        ("s3://bucket", "names a bucket but no object"),
        ("https://example.com/a.png", "is not a URL of S3"),
    ],
)
def test_an_invalid_document_is_rejected_with_a_sentence(given_document: Path | str, sentence: str) -> None:
    with pytest.raises(InvalidDocument, match=sentence):
        Document.from_source(given_document)


def test_a_file_beyond_the_limit_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.touch()
    os.truncate(large, MAXIMUM_DOCUMENT_BYTES)
    assert Document.from_source(large)

    os.truncate(large, MAXIMUM_DOCUMENT_BYTES + 1)
    with pytest.raises(InvalidDocument, match="has 1,000,000,001 bytes; SageMaker takes at most 1,000,000,000"):
        Document.from_source(large)


@given(st.text(min_size=1, max_size=80), st.from_regex(r"[!-~][ -~]{0,63}", fullmatch=True))
def test_every_name_and_id_gives_a_key_that_a_header_can_carry(name: str, inference_id: str) -> None:
    place = Document(b"", name, "image/png").upload_location(PREFIX, inference_id)

    assert place.key.startswith("by-hand/")
    assert InvocationRequest(endpoint_name="receipts", input_location=place.uri)
    assert place.uri.isascii()


def test_equal_names_of_different_jobs_do_not_collide() -> None:
    document = Document(b"", "scans/receipt 1.png", "image/png")

    assert document.upload_location(PREFIX, "id-1") == S3Location("inputs", "by-hand/id-1/receipt_1.png")
    assert len({document.upload_location(PREFIX, job) for job in ("id-1", "id 1", "id/1", "id_1", "../x")}) == 5
