"""Serialises results as JSON or JSON Lines.

JSON is one object: the pages' fields under `predictions`, in donut-python's form, and each page's confidence:

    {"predictions": [{"store": "BLUE CAFE", "total": "41.90"}],
     "pages": [{"page": 1, "confidence": {"store": 0.9991, "total": 0.9874}, "seconds": 0.041, "read_together": 4}],
     "model_version": "1f0c9a6be2d7"}

JSON Lines is one line per page, each with its `prediction` and the model's version.
"""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Sequence

from request_errors import RequestError

if TYPE_CHECKING:
    from document_processor import PageResult

JSON_TYPE = "application/json"
JSON_LINES_TYPE = "application/jsonlines"
# The names that clients use; none is registered.
_JSON_LINES_TYPES = (JSON_LINES_TYPE, "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_ANY_TYPES = ("application/*", "*/*")


def negotiated_type(accept: str | None) -> str:
    """Returns the content type of the response.

    Args:
        accept: The request's Accept header, a list of media ranges of which the first supported one is used; None or an
            empty one accepts any.

    Raises:
        RequestError: 406: no media range in it is supported.
    """
    for part in (accept or JSON_TYPE).split(","):
        media_range = part.split(";")[0].strip().lower()
        if media_range in _JSON_LINES_TYPES:
            return media_range
        if media_range == JSON_TYPE or media_range in _ANY_TYPES:
            return JSON_TYPE
    raise RequestError(
        HTTPStatus.NOT_ACCEPTABLE,
        f"The response type {str(accept)[:80]!a} is not supported: accept {JSON_TYPE} or {JSON_LINES_TYPE}, or omit "
        "Accept.",
    )


def write(pages: Sequence[PageResult], content_type: str) -> str:
    """Returns the result's text, in ASCII.

    Args:
        pages: The document's pages.
        content_type: What `negotiated_type` returned.
    """
    version = os.environ.get("MODEL_VERSION") or None
    if content_type == JSON_TYPE:
        whole = {
            "predictions": [page.prediction for page in pages],
            "pages": [_facts(page) for page in pages],
            "model_version": version,
        }
        return json.dumps(whole)
    lines = [{**_facts(page), "prediction": page.prediction, "model_version": version} for page in pages]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _facts(page: PageResult) -> dict[str, Any]:
    return {
        "page": page.page,
        "confidence": page.confidence,
        "seconds": page.seconds,
        "read_together": page.read_together,
    }
