"""The lines of results of a ticket's documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.client.result_lines import LineFacts, line_of
from async_endpoint.client.ticket_schema import DocumentState
from async_endpoint.client.transport import Acceptance
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from async_endpoint.client.ticket_schema import Entry


def line_facts(
    entry: Entry,
    state: DocumentState,
    acceptance: Acceptance | None,
    *,
    reason: str | None = None,
    seconds: float | None = None,
) -> LineFacts:
    """Returns the facts of a document's line."""
    failure = acceptance.failure_location if acceptance else None
    return LineFacts(
        file=entry.file,
        inference_id=acceptance.inference_id if acceptance else "",
        state=state.value,
        output_location=acceptance.output_location.uri if acceptance else None,
        failure_location=failure.uri if failure else None,
        reason=reason,
        seconds=seconds,
    )


def queued_line(entry: Entry) -> str:
    """Returns the line of a document whose outcome is not known yet."""
    return line_of(line_facts(entry, DocumentState.QUEUED, acceptance_of(entry)))


def acceptance_of(entry: Entry) -> Acceptance:
    """Returns the 202 of a document that was accepted."""
    accepted = datetime.fromisoformat(entry.accepted_at) if entry.accepted_at else datetime.fromtimestamp(0, UTC)
    return Acceptance(
        inference_id=entry.inference_id,
        output_location=S3Location.from_uri(entry.output or ""),
        failure_location=S3Location.from_uri(entry.failure) if entry.failure else None,
        accepted_at=accepted,
    )
