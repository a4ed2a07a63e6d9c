"""Submits the documents of a ticket without waiting for their outcomes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.client.run_engine import RunEngine
from async_endpoint.client.run_output import NoOutput
from async_endpoint.client.ticket_schema import DocumentState

if TYPE_CHECKING:
    from collections import Counter

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.run_options import RunOptions
    from async_endpoint.client.ticket import Ticket


@dataclass(frozen=True, kw_only=True)
class SubmissionSummary:
    """What was submitted.

    Attributes:
        accepted: How many documents this process submitted.
        rejected: How many it could not submit; their lines have the reasons.
        counts: How many documents of the ticket are in each state, those of earlier processes included.
        seconds: Since the submission began.
    """

    accepted: int
    rejected: int
    counts: Counter[DocumentState]
    seconds: float

    @property
    def all_accepted(self) -> bool:
        """Whether no document was rejected, is in doubt, or waits to be submitted."""
        return not (self.rejected or self.counts[DocumentState.SUBMITTING] or self.counts[DocumentState.WAITING])

    def __str__(self) -> str:
        parts = [f"{self.accepted:,} accepted", f"{self.rejected:,} rejected"]
        for state, text in ((DocumentState.SUBMITTING, "in doubt"), (DocumentState.WAITING, "not sent")):
            if self.counts[state]:
                parts.append(f"{self.counts[state]:,} {text}")
        return f"{', '.join(parts)}, in {self.seconds:.1f} s"


class Submission:
    """Submits the documents of a ticket that wait. Their outcomes are for `resume_run`, with the same ticket.

    Args:
        ticket: The run's ticket; stays open.
        endpoint: The run's endpoint.
        options: Who is notified; nothing is waited for.
    """

    def __init__(self, ticket: Ticket, endpoint: AsyncEndpoint, options: RunOptions) -> None:
        self._ticket = ticket
        self._endpoint = endpoint
        self._options = options
        self._started = time.monotonic()
        self._accepted, self._rejected = _tally(ticket.counts())

    def run(self) -> None:
        """Submits what waits now; may be called again when the ticket has more documents.

        Raises:
            AsyncEndpointError: There is no such endpoint, AWS rejects the caller or cannot be reached, or the ticket
                cannot be written. The ticket has what was done.
        """
        engine = RunEngine(self._endpoint, self._ticket, NoOutput(), self._options)
        progress = self._options.progress
        progress.start(self._ticket.counts()[DocumentState.WAITING])
        try:
            engine.submit()
        finally:
            progress.stop()
        for remark in engine.report():
            self._options.notify(remark)

    def summary(self) -> SubmissionSummary:
        """Returns what was done until now."""
        counts = self._ticket.counts()
        accepted, rejected = _tally(counts)
        return SubmissionSummary(
            accepted=accepted - self._accepted,
            rejected=rejected - self._rejected,
            counts=counts,
            seconds=time.monotonic() - self._started,
        )


def _tally(counts: Counter[DocumentState]) -> tuple[int, int]:
    """Returns how many documents are accepted, and how many failed, which submitting alone does not change."""
    return counts[DocumentState.QUEUED] + counts[DocumentState.CANCELLED], counts[DocumentState.FAILED]
