"""Documents that a browser can show: which of a region's are pictures, and their bytes.

They are read with the clients for measuring: an open page uses up no fault.
"""

import threading
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.history import Document
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.protocol.media_types import SIGNATURE_BYTES, format_of

if TYPE_CHECKING:
    from async_endpoint.emulator.clients import AwsClients

MAX_BYTES = 16 << 20  # of a picture on a page
_MAX_KNOWN = 1_000


def media_type(first_bytes: bytes) -> str | None:
    """Returns the media type of an image that browsers show; None for anything else.

    Only the content counts: a declared content type is no reason to hand an object to a browser.
    """
    found = format_of(first_bytes)
    return found.media_type if found and found.in_browsers else None


class Pictures:
    """Which documents are pictures, read from S3 once each; thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], bool] = {}
        self._lock = threading.Lock()

    def is_picture(self, clients: "AwsClients", document: Document) -> bool:
        """Whether a document is a picture that is not too large; one that cannot be read now is not, for now."""
        key = (clients.account, clients.region, document.number)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            beginning = _read(clients, document, SIGNATURE_BYTES)
            if beginning is None:
                return False
            known = media_type(beginning) is not None
            with self._lock:
                self._known[key] = known
                while len(self._known) > _MAX_KNOWN:
                    del self._known[next(iter(self._known))]
        return known


def picture(clients: "AwsClients", document: Document) -> tuple[str, bytes] | None:
    """Returns a document's media type and bytes; None if it is not a picture, too large, or deleted."""
    body = _read(clients, document, MAX_BYTES)
    kind = media_type(body or b"")
    return None if body is None or kind is None else (kind, body)


def _read(clients: "AwsClients", document: Document, count: int) -> bytes | None:
    """Returns the first bytes of a document; empty if it is not in S3 or too large, None if it cannot be read."""
    if document.input_location is None:
        return b""
    try:
        place = S3Location.from_uri(document.input_location)
        found = clients.measuring.s3.get_object(Bucket=place.bucket, Key=place.key)
        with found["Body"] as stream:
            return b"" if found["ContentLength"] > MAX_BYTES else stream.read(count)
    except (LocationError, BotoCoreError, ClientError):
        return None
