"""Serialises results as JSON or JSON Lines.

JSON is one object: the pages' fields under `predictions`, in donut-python's form, and each page's confidence:

    {"predictions": [{"store": "BLUE CAFE", "total": "41.90"}],
     "pages": [{"page": 1, "confidence": {"store": 0.9981, "total": 0.9702}, "accept_threshold": 0.95,
                "raw_confidence": {"store": 0.9991, "total": 0.9874}, "turned": 0, "seconds": 0.041,
                "read_together": 4, "blank": false}],
     "model_version": "1f0c9a6be2d7"}

`confidence` is calibrated (calibration.py), and null for a model without a calibration, as `accept_threshold` is:
`raw_confidence` is the model's own probability, which must not be taken for a share of right fields. `turned` is the
degrees, clockwise, by which a page was turned before it gave this result (orientation.py).

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
        accept: The request's Accept header, a list of media ranges of which the supported one of the highest quality
            (`q`) is used, the first of equals; None or an empty one accepts any.

    Raises:
        RequestError: 406: no media range in it is supported.
    """
    wanted = [_media_range(part) for part in (accept or JSON_TYPE).split(",")]
    for media_range, quality in sorted(wanted, key=lambda each: -each[1]):
        if quality > 0 and media_range in _JSON_LINES_TYPES:
            return media_range
        if quality > 0 and (media_range == JSON_TYPE or media_range in _ANY_TYPES):
            return JSON_TYPE
    raise RequestError(
        HTTPStatus.NOT_ACCEPTABLE,
        f"The response type {str(accept)[:80]!a} is not supported: accept {JSON_TYPE} or {JSON_LINES_TYPE}, or omit "
        "Accept.",
    )


def _media_range(part: str) -> tuple[str, float]:
    """Returns a media range and its quality, 1 if it has none (RFC 9110, 12.4.2)."""
    name, *parameters = (each.strip().lower() for each in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter[2:])
            except ValueError:
                break
    return name, 1.0


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
        "accept_threshold": page.accept_threshold,
        "raw_confidence": page.raw_confidence,
        "turned": page.turned,
        "seconds": page.seconds,
        "read_together": page.read_together,
        "blank": page.blank,
    }
