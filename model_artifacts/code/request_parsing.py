"""Parses requests: the document, the selected pages, and the task prompt that starts the result.

The document is the body itself, or part of a JSON envelope with the two options:

    {"document": "<base64>", "pages": "1-3", "task_prompt": "<s_receipt>"}

A request whose body is the document passes the same options as custom attributes, `pages=1-3;task_prompt=<s_receipt>`.
Other custom attributes are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from file_kinds import is_pdf
from request_errors import TOO_LARGE, RequestError

if TYPE_CHECKING:
    from limits import Limits

JSON_TYPE = "application/json"
PDF_TYPE = "application/pdf"
IMAGE_TYPES = (
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/avif",
)
# Types that leave the format open: the SDK's name for an image, and S3's defaults for objects without a type.
ANY_TYPES = ("application/x-image", "application/octet-stream", "binary/octet-stream")
CONTENT_TYPES = (*ANY_TYPES[:1], *IMAGE_TYPES, PDF_TYPE, JSON_TYPE)
# Of types that people send although they are not supported. TorchServe takes a form apart before this code sees it.
_AS_IMAGE, _AS_PDF = "save it as PNG or JPEG", "print or export it to PDF"
_UNPACKED = "send it uncompressed, with its own type"
_WAYS_OUT = {
    "multipart/form-data": "it is a form; send the file itself as the body, with its own type",
    "application/x-www-form-urlencoded": "it is a form; send the file itself as the body, with its own type",
    "image/svg+xml": f"it is an SVG drawing; {_AS_IMAGE}",
    "image/jp2": f"it is a JPEG 2000 image; {_AS_IMAGE}",
    "image/jpx": f"it is a JPEG 2000 image; {_AS_IMAGE}",
    "image/jxl": f"it is a JPEG XL image; {_AS_IMAGE}",
    "image/vnd.adobe.photoshop": f"it is a Photoshop file; {_AS_IMAGE}",
    "image/wmf": f"it is a Windows metafile; {_AS_IMAGE}",
    "image/emf": f"it is a Windows metafile; {_AS_IMAGE}",
    "application/postscript": f"it is PostScript or EPS; {_AS_PDF}",
    "application/msword": f"it is an Office file; {_AS_PDF}",
    "application/vnd.ms-excel": f"it is an Office file; {_AS_PDF}",
    "application/vnd.ms-powerpoint": f"it is an Office file; {_AS_PDF}",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": f"it is an Office file; {_AS_PDF}",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": f"it is an Office file; {_AS_PDF}",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": f"it is an Office file; {_AS_PDF}",
    "text/html": f"it is an HTML page; {_AS_PDF}",
    "application/xhtml+xml": f"it is an HTML page; {_AS_PDF}",
    "application/zip": "it is a ZIP archive; send each document by itself",
    "application/gzip": f"it is compressed with gzip; {_UNPACKED}",
    "application/x-gzip": f"it is compressed with gzip; {_UNPACKED}",
    "application/brotli": f"it is compressed with brotli; {_UNPACKED}",
    "application/x-brotli": f"it is compressed with brotli; {_UNPACKED}",
}
OPTIONS = ("pages", "task_prompt")
ENVELOPE = ("document", *OPTIONS)
# An attribute up to the semicolon behind it; in quotes, a backslash stands before a quote or a backslash.
_QUOTED = re.compile(r'(?P<name>[^=;]*)=\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:;|$)')
_PLAIN = re.compile(r"(?P<name>[^=;]*)=(?P<value>[^;]*)(?:;|$)")
# One page or a range of pages; no page has a number with more digits.
_PAGES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class InferenceRequest:
    """One parsed request. Its document is not opened yet.

    Attributes:
        body: The file.
        pages: The selection of its pages, which `page_numbers` reads; None for all.
        task_prompt: The text that the result starts with; None uses the model's own.
        limits: The limits of the document.
    """

    body: bytes
    pages: Any
    task_prompt: str | None
    limits: Limits


def parse_request(
    body: Any, content_type: str | None, custom_attributes: str | None, limits: Limits
) -> InferenceRequest:
    """Parses a request.

    Args:
        body: Bytes, or the JSON that TorchServe or the toolkit decoded; None without a body.
        content_type: The request's content type; parameters after a semicolon are ignored.
        custom_attributes: X-Amzn-SageMaker-Custom-Attributes.
        limits: The limits of a document.

    Raises:
        RequestError: 400 or 415: the request is invalid.
    """
    media_type = (content_type or "").split(";")[0].strip().lower()
    options = _custom_options(custom_attributes)
    if media_type == JSON_TYPE:
        envelope = _envelope(body)
        options.update((name, envelope[name]) for name in OPTIONS if envelope.get(name) is not None)
        body = _decoded(envelope)
    elif media_type not in CONTENT_TYPES and media_type not in ANY_TYPES:
        way_out = _WAYS_OUT.get(media_type, f"send {', '.join(CONTENT_TYPES)}")
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The content type {media_type[:80]!a} is not supported: {way_out}."
        )
    if not body:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The body is empty: send the bytes of one document.")
    _check_kind(body, media_type)
    task_prompt = options.get("task_prompt")
    if task_prompt is not None and not _is_text(task_prompt):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The task prompt is {task_prompt!a}: give a text such as <s_receipt>."
        )
    return InferenceRequest(body, options.get("pages"), task_prompt, limits)


def _check_kind(body: bytes, media_type: str) -> None:
    if media_type in IMAGE_TYPES and is_pdf(body):
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body is a PDF but its content type is {media_type}: send it as {PDF_TYPE}.",
        )
    if media_type == PDF_TYPE and not is_pdf(body):
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            f"The body ({len(body)} bytes) is not a PDF: send an image as application/x-image.",
        )


def _is_text(value: Any) -> bool:
    """Whether a value is a text of Unicode characters; JSON can spell halves of some, which no tokenizer takes."""
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:
        return False


def _custom_options(custom_attributes: str | None) -> dict[str, Any]:
    """Returns the options among the attributes `name=value`, which semicolons separate.

    A semicolon may also be part of a prompt. What can be read in two ways is rejected: a prompt cut short would get a
    result to another question.
    """
    options: dict[str, Any] = {}
    rest = custom_attributes or ""
    while rest:
        attribute = _QUOTED.match(rest) or _PLAIN.match(rest)
        if attribute is None:  # a part without =
            rest = rest.partition(";")[2]
            continue
        name, value, rest = attribute["name"].strip(), attribute["value"].strip(), rest[attribute.end() :]
        if attribute.re is _QUOTED:
            value = re.sub(r"\\(.)", r"\1", value)
        elif name == "task_prompt" and rest.strip(" ;") and (not value.endswith(">") or "<" in rest or ">" in rest):
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"The custom attribute task_prompt has a semicolon after {value[-80:]!a}, which may end it or be part "
                'of it: put the prompt in double quotes, task_prompt="...".',
            )
        if name in options:
            raise RequestError(HTTPStatus.BAD_REQUEST, f"The custom attribute {name} is given twice: give it once.")
        if name in OPTIONS:
            options[name] = value
    return options


def _envelope(body: Any) -> dict[str, Any]:
    if isinstance(body, (bytes, bytearray, str)):
        try:
            # bytes() first: json detects the encoding of bytes, and a bytearray is not one to it on every version.
            body = json.loads(body if isinstance(body, str) else bytes(body))
        except (ValueError, RecursionError):
            raise RequestError(
                HTTPStatus.BAD_REQUEST, f"The body is not JSON: send an object with {', '.join(ENVELOPE)}."
            ) from None
    if not isinstance(body, dict):
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The JSON is not an object: send one with {', '.join(ENVELOPE)}.")
    unknown = sorted(set(body) - set(ENVELOPE))
    if unknown:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The JSON has an unknown key {unknown[0][:80]!a}: it takes {', '.join(ENVELOPE)}."
        )
    return body


def _decoded(envelope: dict[str, Any]) -> bytes:
    document = envelope.get("document")
    if not isinstance(document, str):
        raise RequestError(HTTPStatus.BAD_REQUEST, 'The JSON has no "document": give the file as base64 text.')
    try:
        return base64.b64decode(document, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, 'The "document" is not base64: encode the file as in RFC 4648, without line breaks.'
        ) from None


def page_numbers(selection: Any, page_count: int, limits: Limits) -> list[int]:
    """Returns the numbers of the pages to process, from 1, in the requested order.

    Args:
        selection: The request's `pages`; None for all.
        page_count: Pages of the document.
        limits: How many may be processed.

    Raises:
        RequestError: 400 for a selection that is none, 413 for too many pages, 422 for pages that do not exist.
    """
    if selection is None:
        if page_count > limits.pages:
            raise RequestError(
                TOO_LARGE,
                f"The document has {page_count} pages, more than {limits.pages}: request some with pages, such as "
                f"1-{limits.pages}, or raise MAX_PAGES.",
            )
        return list(range(1, page_count + 1))
    parts = selection.split(",") if isinstance(selection, str) else selection
    if not isinstance(parts, list):
        parts = [parts]
    if not parts:
        raise RequestError(HTTPStatus.BAD_REQUEST, "No pages are requested: leave pages out for all of them.")
    numbers: list[int] = []
    for part in parts:
        match = None if isinstance(part, bool) else _PAGES.fullmatch(str(part).strip()[:20])
        if match is None:
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"The pages {str(selection)[:80]!a} are invalid: give numbers and ranges, such as 1,3-5.",
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= page_count:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"The document has {page_count} readable pages; {match[0]} was requested.",
            )
        numbers.extend(range(first, last + 1)[: limits.pages + 1])
        if len(numbers) > limits.pages:
            raise RequestError(
                TOO_LARGE, f"More than {limits.pages} pages were requested: request fewer, or raise MAX_PAGES."
            )
    return numbers
