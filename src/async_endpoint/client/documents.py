"""A document: its source, its name and its media type."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from async_endpoint.client.errors import InvalidDocument
from async_endpoint.protocol import SIGNATURE_BYTES, LocationError, S3Location, request_content_type

MAXIMUM_DOCUMENT_BYTES = 1_000_000_000
"""SageMaker's limit for the payload of an asynchronous request."""

UNNAMED = "document"
"""The name of a document that was given as bytes."""


@dataclass(frozen=True)
class Document:
    """A document for the model.

    Attributes:
        source: A local file, the content itself, or an object in S3.
        name: The name for people: the path as given, the s3 URI, or UNNAMED.
        content_type: The ContentType for the request, by content and suffix.
    """

    source: Path | bytes | S3Location
    name: str
    content_type: str

    @classmethod
    def from_source(cls, source: Path | bytes | S3Location | str) -> Document:
        """Takes a document in any form; a text is an `s3://` or `https://` location, else a path.

        Raises:
            InvalidDocument: There is no readable file, it is too large, or a location is not in S3.
        """
        if isinstance(source, str):
            source = _parse_location(source) if source.startswith(("s3://", "https://", "http://")) else Path(source)
        if isinstance(source, S3Location):
            return cls(source, source.uri, request_content_type(source.key))
        if isinstance(source, bytes):
            _check_size("A document", len(source))
            return cls(source, UNNAMED, request_content_type("", first_bytes=source[:SIGNATURE_BYTES]))
        return cls(source, str(source), request_content_type(source.name, first_bytes=_first_bytes(source)))

    def upload_location(self, prefix: S3Location, inference_id: str) -> S3Location:
        """Returns the upload location below `prefix`: one folder for each job, so that equal names do not collide.

        The key is plain ASCII because it travels in an HTTP header.
        """
        is_plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", inference_id)
        folder = inference_id if is_plain else hashlib.sha256(inference_id.encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(self.name).name)[-100:]
        return prefix.child(f"{folder}/{name}")


def _parse_location(text: str) -> S3Location:
    try:
        return S3Location.from_uri(text)
    except LocationError as error:
        raise InvalidDocument(str(error)) from error


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            _check_size(str(path), path.stat().st_size)
            return file.read(SIGNATURE_BYTES)
    except OSError as error:
        raise InvalidDocument(f"{path} cannot be read: {error.strerror}.") from error


def _check_size(what: str, size: int) -> None:
    if size > MAXIMUM_DOCUMENT_BYTES:
        raise InvalidDocument(f"{what} has {size:,} bytes; SageMaker takes at most {MAXIMUM_DOCUMENT_BYTES:,}.")
