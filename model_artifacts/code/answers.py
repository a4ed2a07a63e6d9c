"""Writes an answer as JSON or JSON Lines.

JSON is one object: the pages' fields under `predictions`, as donut-python gives them, and beside each page how sure the
model was:

    {"predictions": [{"store": "BLUE CAFE", "total": "41.90"}],
     "pages": [{"page": 1, "confidence": {"store": 0.9991, "total": 0.9874}, "seconds": 0.041, "read_together": 4}],
     "model_version": "1f0c9a6be2d7"}

JSON Lines is one line a page, each with its `prediction` and the model's version, for whoever reads line by line.
"""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Sequence

from refusals import Refusal

if TYPE_CHECKING:
    from reader import PageReading

JSON_TYPE = "application/json"
JSON_LINES_TYPE = "application/jsonlines"
# As clients call it; there is no registered name.
_JSON_LINES_TYPES = (JSON_LINES_TYPE, "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_ANY_TYPES = ("application/*", "*/*")


def answer_type(accept: str | None) -> str:
    """Return the content type to answer in.

    Args:
        accept: The request's Accept header, a list of media ranges of which the first that is served counts; None or an
            empty one for any.

    Raises:
        Refusal: 406, nothing in it is served.
    """
    for part in (accept or JSON_TYPE).split(","):
        media_range = part.split(";")[0].strip().lower()
        if media_range in _JSON_LINES_TYPES:
            return media_range
        if media_range == JSON_TYPE or media_range in _ANY_TYPES:
            return JSON_TYPE
    raise Refusal(
        HTTPStatus.NOT_ACCEPTABLE,
        f"Answers in {str(accept)[:80]!a} are not served: accept {JSON_TYPE} or {JSON_LINES_TYPE}, or leave Accept "
        "out.",
    )


def write(readings: Sequence[PageReading], content_type: str) -> str:
    """Return the answer's text, in ASCII.

    Args:
        readings: The document's pages.
        content_type: What `answer_type` returned.
    """
    version = os.environ.get("MODEL_VERSION") or None
    if content_type == JSON_TYPE:
        whole = {
            "predictions": [reading.prediction for reading in readings],
            "pages": [_facts(reading) for reading in readings],
            "model_version": version,
        }
        return json.dumps(whole)
    lines = [{**_facts(reading), "prediction": reading.prediction, "model_version": version} for reading in readings]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _facts(reading: PageReading) -> dict[str, Any]:
    return {
        "page": reading.page,
        "confidence": reading.confidence,
        "seconds": reading.seconds,
        "read_together": reading.read_together,
    }
