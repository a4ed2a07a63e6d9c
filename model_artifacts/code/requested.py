"""What a request asks for: a document, which of its pages, and the task prompt that starts an answer.

The document is the body itself, or stands in a JSON envelope beside the two options:

    {"document": "<base64>", "pages": "1-3", "task_prompt": "<s_receipt>"}

A request whose body is the document gives the same options as custom attributes, `pages=1-3;task_prompt=<s_receipt>`;
what else stands there is somebody else's and left alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from documents import Document, is_pdf, open_document
from refusals import TOO_LARGE, Refusal

if TYPE_CHECKING:
    from limits import Limits

JSON_TYPE = "application/json"
PDF_TYPE = "application/pdf"
IMAGE_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif")
# What says nothing of the format: the SDK's name for an image, and what S3 calls a file that nobody gave a type.
ANY_TYPES = ("application/x-image", "application/octet-stream", "binary/octet-stream")
CONTENT_TYPES = (*ANY_TYPES[:1], *IMAGE_TYPES, PDF_TYPE, JSON_TYPE)
OPTIONS = ("pages", "task_prompt")
ENVELOPE = ("document", *OPTIONS)
# One page or a range of them; a number longer than this is no page's.
_PAGES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class Requested:
    """One request, understood.

    Attributes:
        document: The file; whoever reads it closes it.
        pages: Numbers of the pages to read, from 1, in this order.
        task_prompt: What the answer starts with; None takes the model's own.
    """

    document: Document
    pages: list[int]
    task_prompt: str | None


def understand(body: Any, content_type: str | None, custom_attributes: str | None, limits: Limits) -> Requested:
    """Make sense of a request.

    Args:
        body: The body: bytes, or of JSON what TorchServe or the toolkit made of it; None where there is none.
        content_type: The request's content type; parameters after a semicolon are ignored.
        custom_attributes: X-Amzn-SageMaker-Custom-Attributes.
        limits: What a document may hold.

    Raises:
        Refusal: 400, 413, 415 or 422, as `documents.open_document` or for what is wrong with the request itself.
    """
    media_type = (content_type or "").split(";")[0].strip().lower()
    options = _custom_options(custom_attributes)
    if media_type == JSON_TYPE:
        envelope = _envelope(body)
        options.update((name, envelope[name]) for name in OPTIONS if envelope.get(name) is not None)
        body = _decoded(envelope)
    elif media_type not in CONTENT_TYPES and media_type not in ANY_TYPES:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The content type {media_type!a} is not served: send {', '.join(CONTENT_TYPES)}.",
        )
    if not body:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is empty: send the bytes of one document.")
    _check_kind(body, media_type)
    task_prompt = options.get("task_prompt")
    if task_prompt is not None and not isinstance(task_prompt, str):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The task prompt is {task_prompt!a}: give a text, as <s_receipt>.")
    document = open_document(body, limits)
    try:
        return Requested(document, _pages(options.get("pages"), document.page_count, limits), task_prompt)
    except Refusal:
        document.close()
        raise


def _check_kind(body: bytes, media_type: str) -> None:
    if media_type in IMAGE_TYPES and is_pdf(body):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body is a PDF and called {media_type}: send it as {PDF_TYPE}."
        )
    if media_type == PDF_TYPE and not is_pdf(body):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            f"The body ({len(body)} bytes) is not a PDF: an image is sent as application/x-image.",
        )


def _custom_options(custom_attributes: str | None) -> dict[str, Any]:
    pairs = (part.split("=", 1) for part in (custom_attributes or "").split(";") if "=" in part)
    return {name.strip(): value.strip() for name, value in pairs if name.strip() in OPTIONS}


def _envelope(body: Any) -> dict[str, Any]:
    if isinstance(body, (bytes, bytearray, str)):
        try:
            # bytes() first: json detects the encoding of bytes, and a bytearray is not one to it on every version.
            body = json.loads(body if isinstance(body, str) else bytes(body))
        except (ValueError, RecursionError):
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"The body is not JSON: send an object with {', '.join(ENVELOPE)}."
            ) from None
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The JSON is no object: send one with {', '.join(ENVELOPE)}.")
    unknown = sorted(set(body) - set(ENVELOPE))
    if unknown:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, f"The JSON has an unknown key {unknown[0][:80]!a}: it takes {', '.join(ENVELOPE)}."
        )
    return body


def _decoded(envelope: dict[str, Any]) -> bytes:
    document = envelope.get("document")
    if not isinstance(document, str):
        raise Refusal(HTTPStatus.BAD_REQUEST, 'The JSON has no "document": give the file in base64 as a text.')
    try:
        return base64.b64decode(document, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(
            HTTPStatus.BAD_REQUEST, 'The "document" is not base64: encode the file by RFC 4648, without line breaks.'
        ) from None


def _pages(asked: Any, page_count: int, limits: Limits) -> list[int]:
    """Return the numbers of the pages to read: all of them where nothing is asked."""
    if asked is None:
        if page_count > limits.pages:
            raise Refusal(
                TOO_LARGE,
                f"The document has {page_count} pages, more than {limits.pages}: ask for some of them with pages, as "
                f"1-{limits.pages}, or raise MAX_PAGES.",
            )
        return list(range(1, page_count + 1))
    parts = asked.split(",") if isinstance(asked, str) else asked if isinstance(asked, list) else [asked]
    numbers: list[int] = []
    for part in parts:
        match = None if isinstance(part, bool) else _PAGES.fullmatch(str(part).strip()[:20])
        if match is None:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"The pages {str(asked)[:80]!a} are none: give numbers and ranges, as 1,3-5."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= page_count:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"The document has {page_count} pages that can be read, and {match[0]} was asked for.",
            )
        numbers.extend(range(first, last + 1)[: limits.pages + 1])
        if len(numbers) > limits.pages:
            raise Refusal(
                TOO_LARGE, f"More than {limits.pages} pages were asked for: ask for fewer, or raise MAX_PAGES."
            )
    return numbers
