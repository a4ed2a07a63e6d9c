"""The content type of a request, by first bytes, suffix and declaration."""

import pytest

from async_endpoint.protocol import (
    ANY_IMAGE,
    DOCUMENT_SUFFIXES,
    FORMATS,
    SIGNATURE_BYTES,
    format_of,
    request_content_type,
    upload_content_type,
)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0\0", "image/jpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"GIF89a\0\0", ANY_IMAGE),
        (b"II*\0\0\0", ANY_IMAGE),
        (b"MM\0*\0\0", ANY_IMAGE),
        (b"BM\0\0\0\0", ANY_IMAGE),
        (b"RIFF\n\0\0\0WEBPVP8 ", ANY_IMAGE),
        (b"\0\0\0\x1cftypheic\0\0\0\0", ANY_IMAGE),
        (b"\0\0\0\x1cftypheix\0\0\0\0", ANY_IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0", ANY_IMAGE),
        (b"\0\0\0\x1cftypavif\0\0\0\0", ANY_IMAGE),
        (b"\0\0\0\x1cftypisom\0\0\0\0", "application/octet-stream"),
        (b"RIFF\0\0\0\0WAVEfmt ", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"plain", "application/octet-stream"),
    ],
)
def test_content_is_recognised_by_its_first_bytes(content: bytes, media_type: str) -> None:
    assert request_content_type("", first_bytes=content[:SIGNATURE_BYTES]) == media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.PNG", "image/png"),
        ("folder/a.jpeg", "image/jpeg"),
        ("a.tiff", ANY_IMAGE),
        ("a.bmp", ANY_IMAGE),
        ("a.webp", ANY_IMAGE),
        ("IMG_0001.HEIC", ANY_IMAGE),
        ("a.hif", ANY_IMAGE),
        ("a.avif", ANY_IMAGE),
        ("a.json", "application/json"),
        ("a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
    ],
)
def test_unknown_content_is_recognised_by_its_suffix(name: str, media_type: str) -> None:
    assert request_content_type(name, first_bytes=b"????") == media_type
    assert request_content_type(name) == media_type


def test_the_content_goes_before_the_suffix() -> None:
    assert request_content_type("really-a-jpeg.png", first_bytes=b"\xff\xd8\xff\xe0") == "image/jpeg"


@pytest.mark.parametrize(
    ("key", "declared", "content_type"),
    [
        ("a.png", "image/jpeg", "image/jpeg"),
        ("a.png", "binary/octet-stream", "image/png"),
        ("a.JPG", "application/octet-stream", "image/jpeg"),
        ("a.webp", "image/webp", ANY_IMAGE),
        ("a.gif", None, ANY_IMAGE),
        ("a.svg", None, ANY_IMAGE),
        ("a.pdf", None, "application/pdf"),
        ("a.txt", None, "text/plain"),
        ("no-suffix", "", ANY_IMAGE),
        ("a.png", "IMAGE/PNG; q=1", "IMAGE/PNG; q=1"),
    ],
)
def test_an_upload_has_the_declared_type_or_that_of_its_suffix(
    key: str, declared: str | None, content_type: str
) -> None:
    assert upload_content_type(key, declared=declared) == content_type


def test_browsers_get_no_format_that_can_contain_scripts() -> None:
    assert {each.media_type for each in FORMATS if each.in_browsers} == {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
    }
    assert format_of(b"<svg xmlns=") is None


def test_a_suffix_belongs_to_one_format() -> None:
    assert sum(len(each.suffixes) for each in FORMATS) == len(DOCUMENT_SUFFIXES)
