"""Documents in all their forms, and the media types they are taken for."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.client import InvalidDocument
from async_endpoint.client.documents import MAXIMUM_DOCUMENT_BYTES, Document
from async_endpoint.protocol import InvocationRequest, S3Location

PREFIX = S3Location("inputs", "by-hand/")


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0\0", "image/jpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"GIF89a\0\0", "application/x-image"),
        (b"II*\0\0\0", "application/x-image"),
        (b"MM\0*\0\0", "application/x-image"),
        (b"BM\0\0\0\0", "application/x-image"),
        (b"RIFF\n\0\0\0WEBPVP8 ", "application/x-image"),
        (b"RIFF\0\0\0\0WAVEfmt ", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"plain", "application/octet-stream"),
    ],
)
def test_bytes_are_known_by_their_beginning(content: bytes, media_type: str) -> None:
    assert Document.of(content).content_type == media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.PNG", "image/png"),
        ("a.jpeg", "image/jpeg"),
        ("a.tiff", "application/x-image"),
        ("a.bmp", "application/x-image"),
        ("a.json", "application/json"),
        ("a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
    ],
)
def test_what_says_nothing_by_its_content_is_known_by_its_suffix(name: str, media_type: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"????")

    assert Document.of(tmp_path / name).content_type == media_type
    assert Document.of(S3Location("b-1", f"in/{name}")).content_type == media_type


def test_the_content_is_believed_before_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "really-a-jpeg.png").write_bytes(b"\xff\xd8\xff\xe0")

    assert Document.of(tmp_path / "really-a-jpeg.png").content_type == "image/jpeg"


def test_a_text_is_a_location_or_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    assert Document.of("s3://bucket/in/a.png").source == S3Location("bucket", "in/a.png")
    assert Document.of("https://bucket.s3.eu-west-1.amazonaws.com/a").source == S3Location("bucket", "a")
    assert Document.of(str(tmp_path / "a.png")).source == tmp_path / "a.png"


@pytest.mark.parametrize(
    ("given_document", "sentence"),
    [
        ("no/such/file.png", "no/such/file.png cannot be read: No such file or directory."),
        (Path("/"), "/ cannot be read: Is a directory."),
        ("s3://bucket", "names a bucket but no object"),
        ("https://example.com/a.png", "is not a URL of S3"),
    ],
)
def test_what_is_no_document_is_refused_with_a_sentence(given_document: Path | str, sentence: str) -> None:
    with pytest.raises(InvalidDocument, match=sentence):
        Document.of(given_document)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.touch()
    os.truncate(large, MAXIMUM_DOCUMENT_BYTES)
    assert Document.of(large)

    os.truncate(large, MAXIMUM_DOCUMENT_BYTES + 1)
    with pytest.raises(InvalidDocument, match="has 1,000,000,001 bytes; SageMaker takes at most 1,000,000,000"):
        Document.of(large)


@given(st.text(min_size=1, max_size=80), st.from_regex(r"[!-~][ -~]{0,63}", fullmatch=True))
def test_every_name_and_id_gives_a_key_that_a_header_can_carry(name: str, inference_id: str) -> None:
    place = Document(b"", name, "image/png").upload_key(PREFIX, inference_id)

    assert place.key.startswith("by-hand/")
    assert InvocationRequest(endpoint_name="receipts", input_location=place.uri)
    assert place.uri.isascii()


def test_equal_names_of_different_jobs_do_not_collide() -> None:
    document = Document(b"", "scans/receipt 1.png", "image/png")

    assert document.upload_key(PREFIX, "id-1") == S3Location("inputs", "by-hand/id-1/receipt_1.png")
    assert len({document.upload_key(PREFIX, job) for job in ("id-1", "id 1", "id/1", "id_1", "../x")}) == 5
