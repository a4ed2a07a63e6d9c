"""Documents that a browser can show: which of a region's are pictures, and their bytes.

They are read as what is measured is: an open page disturbs no fault.
"""

import threading
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.history import Document
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.protocol.media_types import SIGNATURE_BYTES, format_of

if TYPE_CHECKING:
    from async_endpoint.emulator.clients import AwsClients

MOST_BYTES = 16 << 20  # of a picture on a page
_KEPT = 1_000


def media_type(first_bytes: bytes) -> str | None:
    """Returns the media type of an image that browsers show; None for anything else.

    Only the content counts: a declared content type is no reason to hand an object to a browser.
    """
    found = format_of(first_bytes)
    return found.media_type if found and found.in_browsers else None


class Pictures:
    """Looks at documents in S3, at each once; thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], bool] = {}
        self._lock = threading.Lock()

    def is_picture(self, clients: "AwsClients", document: Document) -> bool:
        """Whether a document is a picture that is not too large; what cannot be read now is none for now."""
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
                while len(self._known) > _KEPT:
                    del self._known[next(iter(self._known))]
        return known


def picture(clients: "AwsClients", document: Document) -> tuple[str, bytes] | None:
    """A document's media type and bytes; None if it is no picture, too large, or gone."""
    body = _read(clients, document, MOST_BYTES)
    kind = media_type(body or b"")
    return None if body is None or kind is None else (kind, body)


def _read(clients: "AwsClients", document: Document, count: int) -> bytes | None:
    """So many bytes of a document, none if there is none or it is too large; None where it cannot be read."""
    if document.input_location is None:
        return b""
    try:
        place = S3Location.from_uri(document.input_location)
        found = clients.measuring.s3.get_object(Bucket=place.bucket, Key=place.key)
        with found["Body"] as stream:
            return b"" if found["ContentLength"] > MOST_BYTES else stream.read(count)
    except (LocationError, BotoCoreError, ClientError):
        return None
