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

from documents import Document, is_pdf, open_document
from request_errors import TOO_LARGE, RequestError

if TYPE_CHECKING:
    from limits import Limits

JSON_TYPE = "application/json"
PDF_TYPE = "application/pdf"
IMAGE_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif")
# Types that leave the format open: the SDK's name for an image, and S3's defaults for objects without a type.
ANY_TYPES = ("application/x-image", "application/octet-stream", "binary/octet-stream")
CONTENT_TYPES = (*ANY_TYPES[:1], *IMAGE_TYPES, PDF_TYPE, JSON_TYPE)
OPTIONS = ("pages", "task_prompt")
ENVELOPE = ("document", *OPTIONS)
# One page or a range of pages; no page has a number with more digits.
_PAGES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class InferenceRequest:
    """One parsed request.

    Attributes:
        document: The file; the processor closes it.
        pages: Numbers of the pages to process, from 1, in this order.
        task_prompt: The text that the result starts with; None uses the model's own.
    """

    document: Document
    pages: list[int]
    task_prompt: str | None


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
        RequestError: 400, 413, 415 or 422, from `documents.open_document` or for an invalid request.
    """
    media_type = (content_type or "").split(";")[0].strip().lower()
    options = _custom_options(custom_attributes)
    if media_type == JSON_TYPE:
        envelope = _envelope(body)
        options.update((name, envelope[name]) for name in OPTIONS if envelope.get(name) is not None)
        body = _decoded(envelope)
    elif media_type not in CONTENT_TYPES and media_type not in ANY_TYPES:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The content type {media_type!a} is not supported: send {', '.join(CONTENT_TYPES)}.",
        )
    if not body:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The body is empty: send the bytes of one document.")
    _check_kind(body, media_type)
    task_prompt = options.get("task_prompt")
    if task_prompt is not None and not isinstance(task_prompt, str):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The task prompt is {task_prompt!a}: give a text such as <s_receipt>."
        )
    document = open_document(body, limits)
    try:
        return InferenceRequest(document, _pages(options.get("pages"), document.page_count, limits), task_prompt)
    except RequestError:
        document.close()
        raise


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


def _custom_options(custom_attributes: str | None) -> dict[str, Any]:
    pairs = (part.split("=", 1) for part in (custom_attributes or "").split(";") if "=" in part)
    return {name.strip(): value.strip() for name, value in pairs if name.strip() in OPTIONS}


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


def _pages(selection: Any, page_count: int, limits: Limits) -> list[int]:
    """Returns the numbers of the pages to process: all pages if none are requested."""
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
