"""The document formats: media types, file suffixes and signatures. A new format is one more row of `FORMATS`.

Client, intake, console and commands all take their rules from here. The container recognises documents by its own
rules, in `model_artifacts/code/`: extend `request_parsing.py` (types), `file_kinds.py` and `image_files.py` too.
"""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from posixpath import splitext

ANY_IMAGE = "application/x-image"
"""Leaves it to the container to recognise the format of an image."""

# The brand of an ISO base media file is its first one here; the container looks at the others, too.
_HEIC_BRANDS = rb"....ftyp(?:hei[cxms]|hev[cxms])"
_HEIF_BRANDS = rb"....ftypm(?:if1|sf1)"
_AVIF_BRANDS = rb"....ftypavi[fs]"
_UNKNOWN = "application/octet-stream"
# S3 and upload tools set these when nobody declared a type.
_UNDECLARED = frozenset({"", "binary/octet-stream", _UNKNOWN})
_guess_by_suffix = mimetypes.MimeTypes().guess_type  # the built-in table only: the same on every machine


@dataclass(frozen=True)
class DocumentFormat:
    """A format of documents.

    Attributes:
        media_type: Its registered media type.
        suffixes: The file suffixes, in lower case.
        signature: Matches the first bytes of a file.
        sent_as: The ContentType of a request.
        in_browsers: Whether every browser shows it as an image, without scripts.
    """

    media_type: str
    suffixes: tuple[str, ...]
    signature: re.Pattern[bytes]
    sent_as: str
    in_browsers: bool


FORMATS = (
    DocumentFormat("image/png", (".png",), re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", in_browsers=True),
    DocumentFormat(
        "image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), re.compile(rb"\xff\xd8\xff"), "image/jpeg", in_browsers=True
    ),
    DocumentFormat("application/pdf", (".pdf",), re.compile(rb"%PDF-"), "application/pdf", in_browsers=False),
    DocumentFormat("image/gif", (".gif",), re.compile(rb"GIF8[79]a"), ANY_IMAGE, in_browsers=True),
    DocumentFormat("image/webp", (".webp",), re.compile(rb"RIFF....WEBP", re.DOTALL), ANY_IMAGE, in_browsers=True),
    DocumentFormat("image/tiff", (".tif", ".tiff"), re.compile(rb"II\*\0|MM\0\*"), ANY_IMAGE, in_browsers=False),
    DocumentFormat("image/heic", (".heic",), re.compile(_HEIC_BRANDS, re.DOTALL), ANY_IMAGE, in_browsers=False),
    DocumentFormat("image/heif", (".heif", ".hif"), re.compile(_HEIF_BRANDS, re.DOTALL), ANY_IMAGE, in_browsers=False),
    DocumentFormat("image/avif", (".avif",), re.compile(_AVIF_BRANDS, re.DOTALL), ANY_IMAGE, in_browsers=False),
    DocumentFormat("image/bmp", (".bmp",), re.compile(rb"BM"), ANY_IMAGE, in_browsers=False),
)
DOCUMENT_SUFFIXES = frozenset(suffix for each in FORMATS for suffix in each.suffixes)
SIGNATURE_BYTES = 12
"""How many bytes of a file `format_of` needs."""


def format_of(first_bytes: bytes) -> DocumentFormat | None:
    """Returns the format of a file by its first bytes; None for an unknown one."""
    return next((each for each in FORMATS if each.signature.match(first_bytes)), None)


def request_content_type(name: str, *, first_bytes: bytes = b"") -> str:
    """Returns the ContentType for a document by its first bytes, else by the suffix of its name."""
    if found := format_of(first_bytes):
        return found.sent_as
    return _sent_as(_media_type_by_suffix(name) or _UNKNOWN)


def upload_content_type(key: str, *, declared: str | None) -> str:
    """Returns the ContentType for an uploaded object.

    Args:
        key: The object's key.
        declared: The content type set by the uploader, which goes before the suffix of the key; `application/x-image`
            applies if neither is known.
    """
    media_type = (declared or "").strip()
    if media_type.lower() in _UNDECLARED:
        media_type = _media_type_by_suffix(key) or ANY_IMAGE
    return _sent_as(media_type)


def _media_type_by_suffix(name: str) -> str | None:
    suffix = splitext(name)[1].lower()  # of "d.pdf/" there is none
    own = next((each.media_type for each in FORMATS if suffix in each.suffixes), None)
    return own or _guess_by_suffix(name)[0]


def _sent_as(media_type: str) -> str:
    """Returns the ContentType for a media type: `application/x-image` for an image without a type of its own here."""
    essence = media_type.split(";", maxsplit=1)[0].strip().lower()
    is_specific = any(essence == each.sent_as for each in FORMATS)
    return ANY_IMAGE if essence.startswith("image/") and not is_specific else media_type
