"""Documents that a browser can show: which of a region's are pictures, and their bytes.

They are read with the clients for measuring: an open page uses up no fault.
"""

import threading
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.history import Document
from async_endpoint.protocol.locations import LocationError, S3Location

if TYPE_CHECKING:
    from async_endpoint.emulator.clients import AwsClients

MAX_BYTES = 16 << 20  # of a picture on a page
_MAX_KNOWN = 1_000

# By a file's first bytes: the content type that a client gives an object is not to be trusted. Without SVG: it can hold
# scripts.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_RIFF_TYPE = slice(8, 12)
_SIGNATURE_BYTES = 12


def media_type(beginning: bytes) -> str | None:
    """Returns a picture's media type by its first bytes; None if it is not a picture that browsers show."""
    if beginning[:4] == b"RIFF" and beginning[_RIFF_TYPE] == b"WEBP":
        return "image/webp"
    return next((name for signature, name in _SIGNATURES if beginning.startswith(signature)), None)


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
            beginning = _read(clients, document, _SIGNATURE_BYTES)
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
        place = S3Location.parse(document.input_location)
        found = clients.measuring.s3.get_object(Bucket=place.bucket, Key=place.key)
        with found["Body"] as stream:
            return b"" if found["ContentLength"] > MAX_BYTES else stream.read(count)
    except (LocationError, BotoCoreError, ClientError):
        return None
