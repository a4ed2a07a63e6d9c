"""Lines of a run, for the tests of what reads them."""

import json
from datetime import UTC, datetime

from async_endpoint.client.jobs import JobResult
from async_endpoint.client.result_lines import LineFacts, line_of

FIELDS = ["file", "inference_id", "state", "output_location", "failure_location", "reason"]
"""The fields of a line before its result."""


def line_with(
    result: object,
    *,
    file: str = "a.png",
    state: str = "COMPLETED",
    reason: str | None = None,
    seconds: float | None = 1.5,
) -> str:
    """Returns the line of a document with this result: bytes as they are, else JSON; None for no result."""
    facts = LineFacts(file=file, inference_id="1", state=state, reason=reason, seconds=seconds)
    if result is None:
        return line_of(facts)
    body = result if isinstance(result, bytes) else json.dumps(result).encode()
    return line_of(facts, JobResult(body, "application/json", datetime.fromtimestamp(0, UTC)))
