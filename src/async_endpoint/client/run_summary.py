"""The outcomes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.client.ticket_schema import DocumentState
from async_endpoint.counted import counted
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections import Counter

    from async_endpoint.client.jobs import Job


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run.

    Attributes:
        summary: The outcomes so far. The queued jobs continue in the endpoint.
    """

    def __init__(self, summary: RunSummary) -> None:
        super().__init__()
        self.summary = summary


@dataclass(frozen=True)
class RunSummary:
    """The outcomes of a run's documents.

    Attributes:
        jobs: The jobs of this process, in the order of the documents.
        seconds: From the first upload to the last outcome, on the client's clock.
        counts: How many documents of the run are in each state, those of earlier processes included.
        remarks: What else the user should know, in sentences.
        settled: How many documents got their outcome in this process.
        published: Whether the file of results has the lines; not if nothing was sent and there is an older file.
    """

    jobs: tuple[Job, ...]
    seconds: float
    counts: Counter[DocumentState]
    remarks: tuple[str, ...] = ()
    published: bool = False
    settled: int = 0

    def count(self, state: JobState) -> int:
        """Returns how many documents are in a state; SUBMITTED: accepted, without an outcome."""
        return self.counts[DocumentState.QUEUED if state is JobState.SUBMITTED else DocumentState(state.value)]

    @property
    def all_completed(self) -> bool:
        """Whether every document has its result."""
        return self.counts[DocumentState.COMPLETED] == self.counts.total()

    def __str__(self) -> str:
        outcomes = (DocumentState.COMPLETED, DocumentState.FAILED, DocumentState.EXPIRED)
        states = [f"{self.counts[state]:,} {state.lower()}" for state in outcomes]
        for state, text in (
            (DocumentState.CANCELLED, "cancelled"),
            (DocumentState.QUEUED, "still queued"),
            (DocumentState.SUBMITTING, "in doubt"),
            (DocumentState.WAITING, "not sent"),
        ):
            if self.counts[state]:
                states.append(f"{self.counts[state]:,} {text}")
        total = counted(self.counts.total(), "document")
        each = f" ({self.seconds / self.settled:.2f} s a document)" if self.settled else ""
        return f"{total}: {', '.join(states)}, in {self.seconds:.1f} s{each}"
