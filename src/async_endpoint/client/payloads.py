"""Where a document travels: in S3, or in the request itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.client.errors import InvalidDocument
from async_endpoint.protocol import MAXIMUM_INLINE_BODY_BYTES, LocationError, S3Location

if TYPE_CHECKING:
    from async_endpoint.client.documents import Document


def inline_body(document: Document) -> bytes | None:
    """Returns the document's content if a request can carry it, else None: it is in S3, empty or too large.

    Raises:
        InvalidDocument: The file cannot be read.
    """
    source = document.source
    if isinstance(source, S3Location):
        return None
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                source = file.read(MAXIMUM_INLINE_BODY_BYTES + 1)
        except OSError as error:
            raise InvalidDocument(f"{document.name} cannot be read: {error.strerror}.") from error
    return source if 0 < len(source) <= MAXIMUM_INLINE_BODY_BYTES else None


def place_in_s3(document: Document, prefix: S3Location | None, inference_id: str, *, inline: bool) -> S3Location:
    """Returns the location of the document, or the location for its upload.

    Args:
        document: The document.
        prefix: Prefix of the uploads, if there is one.
        inference_id: The job's id.
        inline: Whether the document was meant for the request itself, and is not: the error says why.

    Raises:
        InvalidDocument: The document has to be uploaded and cannot be.
    """
    if isinstance(document.source, S3Location):
        return document.source
    if prefix is None:
        why = f"is empty or over {MAXIMUM_INLINE_BODY_BYTES:,} bytes, so no request takes it inline," if inline else ""
        raise InvalidDocument(
            f"{document.name} {why or 'is not in S3'} and this client has no input_location to upload it to: give one."
        )
    try:
        return document.upload_location(prefix, inference_id)
    except LocationError as error:
        raise InvalidDocument(f"{document.name} cannot be uploaded below {prefix}: {error}") from error
