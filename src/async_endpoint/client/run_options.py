"""Who is notified of a run's steps, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.client.jobs import Job
    from async_endpoint.client.jobs_table_reader import JobsTableReader

DEFAULT_DOUBT_SECONDS = 30.0


class Progress(Protocol):
    """Receives the progress of a run; `submitted` may be called from several threads."""

    def start(self, documents: int) -> None:
        """The run starts with this many documents."""

    def submitted(self, job: Job, /) -> None:
        """A document was accepted, or finally rejected."""

    def finished(self, job: Job, /) -> None:
        """A job has an outcome."""

    def stop(self) -> None:
        """The run is over, successfully or not."""


class _NoProgress:
    """Ignores the progress."""

    def start(self, documents: int) -> None: ...

    def submitted(self, job: Job, /) -> None: ...

    def finished(self, job: Job, /) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What of a run is not in its ticket.

    Attributes:
        progress: Receives every step.
        notify: Receives sentences for the user.
        wake: Called once, with the number of documents, when the endpoint has accepted the first one.
        timeout: Seconds to wait for all results once everything is submitted; None waits for each job's own deadline.
        doubt_seconds: How long, after all other outcomes, to wait for that of a document whose submission broke off.
        records: The jobs table, which may know the outcome of such a document.
        keep_results: Whether the jobs of the summary keep their results.
    """

    progress: Progress = field(default_factory=_NoProgress)
    notify: Callable[[str], None] = lambda _: None
    wake: Callable[[int], None] | None = None
    timeout: float | None = None
    doubt_seconds: float = DEFAULT_DOUBT_SECONDS
    records: JobsTableReader | None = None
    keep_results: bool = False

    def with_(self, progress: Progress) -> RunOptions:
        """Returns the options with this progress."""
        return replace(self, progress=progress)
