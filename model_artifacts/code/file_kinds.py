"""Recognises files by their first bytes: those that are processed, and those that are rejected by name."""

from __future__ import annotations

import re
from http import HTTPStatus

from request_errors import RequestError

# A reader looks for a PDF's mark this far into a file (Adobe's own implementation note on the header).
PDF_MARK_WITHIN = 1024
PDF_MARK = b"%PDF-"
# An image may hold that mark, too: in a comment, a profile or its pixels.
_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|BM.{4}\0\0\0\0|.{4}ftyp", re.DOTALL
)
# The brands of ISO base media files (http://mp4ra.org/registered-types/brands). AVIF also calls itself mif1.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_BRANDS_WITHIN, _VERSION_AT = 256, 12
_AS_IMAGE = "save it as PNG or JPEG"
_AS_PDF = "print or export it to PDF"
_PACKED = "send each document by itself"
_BEFORE_MARKUP = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,400}>\s*)?(?:<!--.{0,2000}?-->\s*)*", re.DOTALL)
RAW_PHOTOGRAPH = "a raw photograph"
# What the first bytes say, in the order in which they are tried: the first that matches names the file.
_UNSUPPORTED = tuple(
    (re.compile(pattern, re.DOTALL), name, way_out)
    for pattern, name, way_out in (
        (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 image", _AS_IMAGE),
        (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", _AS_IMAGE),
        (rb"8BPS", "a Photoshop file (PSD)", _AS_IMAGE),
        (rb"%!PS|\xc5\xd0\xd3\xc6|\x04%!PS", "PostScript or EPS", _AS_PDF),
        (rb"\xd7\xcd\xc6\x9a|\x01\0\x09\0\0\x03", "a Windows metafile (WMF)", _AS_IMAGE),
        (rb"\x01\0\0\0.{36} EMF", "a Windows metafile (EMF)", _AS_IMAGE),
        (rb"\0\0\x01\0[\x01-\x40]\0", "a Windows icon (ICO)", _AS_IMAGE),
        (rb".{128}DICM", "a DICOM file", _AS_IMAGE),
        (rb"II\*\0.{4}CR\x02|IIR[OS]|IIU\0|FUJIFILMCCD-RAW", RAW_PHOTOGRAPH, _AS_IMAGE),
        (rb"AT&TFORM", "a DjVu file", _AS_PDF),
        (rb"P[1-7]\s|P[Ff]\n", "a PNM image", _AS_IMAGE),
        (rb"\x97JB2\r\n\x1a\n", "a JBIG2 image", _AS_PDF),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office file (DOC, XLS, PPT or MSG)", _AS_PDF),
        (rb"PK\x03\x04.{0,4000}?(?:word/|xl/|ppt/|\[Content_Types\])", "an Office file (DOCX, XLSX or PPTX)", _AS_PDF),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "an OpenDocument file", _AS_PDF),
        (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a ZIP archive", _PACKED),
        (rb"\x1f\x8b", "compressed with gzip", "send it uncompressed"),
        (rb"BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "compressed", "send it uncompressed"),
        (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "a 7z or RAR archive", _PACKED),
        (rb".{257}ustar", "a TAR archive", _PACKED),
        (rb"\{\\rtf", "an RTF text", _AS_PDF),
        (rb"--[^\r\n]{1,100}\r?\n[Cc]ontent-[Dd]isposition:", "a form (multipart)", "send the file itself as the body"),
        (rb"data:[\w/+.-]+[;,]", "a data URL", "send the bytes that it encodes"),
    )
)
_MARKUP = (
    (re.compile(rb"(?:<!doctype svg[^>]*>\s*)?<(?:\w+:)?svg[\s>]", re.IGNORECASE), "an SVG drawing", _AS_IMAGE),
    (re.compile(rb"<(?:!doctype html|html|head|body)[\s>]", re.IGNORECASE), "an HTML page", _AS_PDF),
)


def is_pdf(body: bytes) -> bool:
    """Whether a file has the mark of a PDF, and is not an image."""
    start = bytes(body[:PDF_MARK_WITHIN])
    return PDF_MARK in start and not _IMAGE.match(start)


def is_tiff(body: bytes) -> bool:
    """Whether a file is a TIFF or BigTIFF."""
    return bytes(body[:4]) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_avif(body: bytes) -> bool:
    """Whether a file is an AVIF image."""
    return bool(_brands(body) & _AVIF_BRANDS)


def is_heif(body: bytes) -> bool:
    """Whether a file is a HEIF image (HEIC) and not an AVIF."""
    brands = _brands(body)
    return bool(brands & _HEIF_BRANDS) and not brands & _AVIF_BRANDS


def reject_unsupported(body: bytes) -> None:
    """Rejects a file whose format is known and not processed.

    Raises:
        RequestError: 415, with the format's name and what to do instead.
    """
    start = bytes(body[:4096])
    after = _BEFORE_MARKUP.sub(b"", start, count=1)
    rows = [(pattern.match(start), name, way_out) for pattern, name, way_out in _UNSUPPORTED]
    rows += [(pattern.match(after), name, way_out) for pattern, name, way_out in _MARKUP]
    if _brands(body) - _HEIF_BRANDS - _AVIF_BRANDS and not (is_avif(body) or is_heif(body)):
        rows.append((start, "a video, or another file of the MP4 family", _AS_IMAGE))
    for found, name, way_out in rows:
        if found:
            raise unsupported(body, name, way_out)


def unsupported(body: bytes, name: str, way_out: str = _AS_IMAGE) -> RequestError:
    """Returns the error for a file of a known format that is not processed."""
    return RequestError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"The body ({len(body)} bytes) is {name}, which is not processed: {way_out}.",
    )


def _brands(body: bytes) -> frozenset[bytes]:
    """Returns the brands of an ISO base media file; none of another file."""
    start = bytes(body[:_BRANDS_WITHIN])
    if start[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return frozenset(start[place : place + 4] for place in range(8, end - 3, 4) if place != _VERSION_AT)
