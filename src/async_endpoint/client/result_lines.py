"""The line of JSON for a document and its outcome: strict JSON, whatever a name or a result holds."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from async_endpoint.client.jobs import JobResult


@dataclass(frozen=True, kw_only=True)
class LineFacts:
    """What a line says beside the result.

    Attributes:
        file: The document, relative to the folder of the run; a name that is not UTF-8 has surrogates, as `os.fsdecode`
            makes them, so `os.fsencode` of the parsed text gives the name back.
        inference_id: The id of the job.
        state: QUEUED, COMPLETED, FAILED, EXPIRED or CANCELLED.
        output_location: Where the result is or will be; None for a document that was not accepted.
        failure_location: Where a failure is or will be; None for an endpoint without a failure path.
        reason: Why there is no result.
        seconds: From the acceptance to the outcome.
    """

    file: str
    inference_id: str
    state: str
    output_location: str | None = None
    failure_location: str | None = None
    reason: str | None = None
    seconds: float | None = None


def line_of(facts: LineFacts, result: JobResult | None = None) -> str:
    """Returns the line, plain ASCII without its end.

    A result that is JSON is `answer`; another text is `answer` and `content_type`; anything else is `answer_base64` and
    `content_type`. JSON with NaN or Infinity, or nested too deep to be read, is a text.
    """
    record: dict[str, Any] = {
        "file": facts.file,
        "inference_id": facts.inference_id,
        "state": facts.state,
        "output_location": facts.output_location,
        "failure_location": facts.failure_location,
        "reason": facts.reason,
        "answer": None,
        "seconds": None if facts.seconds is None else round(facts.seconds, 3),
    }
    if result is None:
        return _dumps(record)
    try:
        return _dumps(record | {"answer": json.loads(result.body, parse_constant=_reject)})
    except (ValueError, RecursionError):
        pass  # not JSON as everyone reads it
    try:
        return _dumps(record | {"answer": result.body.decode(), "content_type": result.content_type})
    except UnicodeDecodeError:
        encoded = base64.b64encode(result.body).decode()
        return _dumps(record | {"answer_base64": encoded, "content_type": result.content_type})


def _dumps(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")
