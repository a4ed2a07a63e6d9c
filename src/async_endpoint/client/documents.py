"""A document: where it comes from, what it is called, and of which media type it is."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from async_endpoint.client.errors import InvalidDocument
from async_endpoint.protocol import LocationError, S3Location

_guess_by_suffix = mimetypes.MimeTypes().guess_type  # the built-in table only: the same answer on every machine

MAXIMUM_DOCUMENT_BYTES = 1_000_000_000
"""SageMaker's limit for the payload of an asynchronous request."""

UNNAMED = "document"
"""What bytes are called, which have no name of their own."""

_IMAGE = "application/x-image"
_SPECIFIC_IMAGES = frozenset({"image/jpeg", "image/png"})
_LONGEST_SIGNATURE = 12
_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"GIF8[79]a|II\*\0|MM\0\*|BM|RIFF....WEBP", re.DOTALL), _IMAGE),
)


@dataclass(frozen=True)
class Document:
    """Something to be read by the model.

    Attributes:
        source: A local file, the bytes themselves, or an object that is in S3 already.
        name: What a person would call it: the path as given, the s3 URI, or UNNAMED.
        content_type: Guessed media type. JPEG and PNG keep theirs, every other image is application/x-image, which
            leaves it to the container to recognise it; application/octet-stream where nothing is known.
    """

    source: Path | bytes | S3Location
    name: str
    content_type: str

    @classmethod
    def of(cls, given: Path | bytes | S3Location | str) -> Document:
        """Take a document in any of its forms; a text is an `s3://` or `https://` location, else a path.

        Raises:
            InvalidDocument: There is no readable file, it is too large, or a location is not one of S3.
        """
        if isinstance(given, str):
            given = _located(given) if given.startswith(("s3://", "https://", "http://")) else Path(given)
        if isinstance(given, S3Location):
            return cls(given, given.uri, _media_type(given.key, b""))
        if isinstance(given, bytes):
            _check_size("A document", len(given))
            return cls(given, UNNAMED, _media_type("", given[:_LONGEST_SIGNATURE]))
        return cls(given, str(given), _media_type(given.name, _first_bytes(given)))

    def upload_key(self, prefix: S3Location, inference_id: str) -> S3Location:
        """Where the document is put below `prefix`: one folder for each job, so that equal names do not collide.

        The key is plain ASCII because it travels in an HTTP header.
        """
        plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", inference_id)
        folder = inference_id if plain else hashlib.sha256(inference_id.encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(self.name).name)[-100:]
        return prefix.child(f"{folder}/{name}")


def _located(text: str) -> S3Location:
    try:
        return S3Location.parse(text)
    except LocationError as error:
        raise InvalidDocument(str(error)) from error


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            _check_size(str(path), path.stat().st_size)
            return file.read(_LONGEST_SIGNATURE)
    except OSError as error:
        raise InvalidDocument(f"{path} cannot be read: {error.strerror}.") from error


def _check_size(what: str, size: int) -> None:
    if size > MAXIMUM_DOCUMENT_BYTES:
        raise InvalidDocument(f"{what} has {size:,} bytes; SageMaker takes at most {MAXIMUM_DOCUMENT_BYTES:,}.")


def _media_type(name: str, first_bytes: bytes) -> str:
    """The media type by the content's first bytes, or else by the suffix of a path, a key or nothing."""
    for signature, media_type in _SIGNATURES:
        if signature.match(first_bytes):
            return media_type
    media_type = _guess_by_suffix(name)[0] or "application/octet-stream"
    return _IMAGE if media_type.startswith("image/") and media_type not in _SPECIFIC_IMAGES else media_type
