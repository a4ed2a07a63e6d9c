"""Sends a folder of documents through an endpoint and writes one line for each outcome."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.client.folder_documents import find_documents
from async_endpoint.client.run_engine import RunEngine, queued_line
from async_endpoint.client.run_options import RunOptions
from async_endpoint.client.run_output import RunOutput
from async_endpoint.client.ticket import Ticket
from async_endpoint.client.ticket_schema import UNFINISHED, DocumentState, RunSettings
from async_endpoint.protocol import DEFAULT_INVOCATION_TIMEOUT_SECONDS, DEFAULT_REQUEST_TTL_SECONDS, JobState

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.jobs import Job
    from async_endpoint.client.run_options import Progress


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
    """The outcomes of a folder.

    Attributes:
        jobs: The jobs of this process, in the order of the documents.
        seconds: From the first upload to the last outcome, on the client's clock.
        counts: How many documents of the run are in each state, those of earlier processes included.
        remarks: What else the user should know, in sentences.
        published: Whether the file of results has the lines; not if nothing was sent and there is an older file.
    """

    jobs: tuple[Job, ...]
    seconds: float
    counts: Counter[DocumentState]
    remarks: tuple[str, ...] = ()
    published: bool = False

    def count(self, state: JobState) -> int:
        """Returns how many documents are in a state; SUBMITTED: accepted, without an outcome."""
        return self.counts[DocumentState.QUEUED if state is JobState.SUBMITTED else DocumentState(state.value)]

    @property
    def all_completed(self) -> bool:
        """Whether every document has its result."""
        return self.counts[DocumentState.COMPLETED] == self.counts.total()

    def __str__(self) -> str:
        outcomes = (DocumentState.COMPLETED, DocumentState.FAILED, DocumentState.EXPIRED)
        states = [f"{self.counts[state]} {state.lower()}" for state in outcomes]
        for state, text in (
            (DocumentState.CANCELLED, "cancelled"),
            (DocumentState.QUEUED, "still queued"),
            (DocumentState.SUBMITTING, "in doubt"),
            (DocumentState.WAITING, "not sent"),
        ):
            if self.counts[state]:
                states.append(f"{self.counts[state]} {text}")
        total = self.counts.total()
        each = self.seconds / total if total else 0.0
        return f"{total} documents: {', '.join(states)}, in {self.seconds:.1f} s ({each:.2f} s a document)"


def new_ticket(
    folder: Path,
    documents: Sequence[Path],
    endpoint: AsyncEndpoint,
    output: Path,
    *,
    run: str,
    path: Path | None,
    content_type: str | None = None,
    ttl: int = DEFAULT_REQUEST_TTL_SECONDS,
    invocation_timeout: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS,
) -> Ticket:
    """Returns the ticket of a new run, in which every document waits.

    Args:
        folder: Contains the documents.
        documents: Below the folder.
        endpoint: Processes them.
        output: The JSON Lines file.
        run: The run's id, of `new_run_id`.
        path: The ticket's file; None keeps the ticket in memory.
        content_type: As for `run_folder`.
        ttl: As for `run_folder`.
        invocation_timeout: As for `run_folder`.

    Raises:
        TicketError: The ticket cannot be written, or is there already.
    """
    settings = RunSettings(
        run=run,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        endpoint=endpoint.endpoint_name,
        region=endpoint.region,
        inputs=str(endpoint.input_location or ""),
        folder=str(folder.absolute()),
        output=str(output.absolute()),
        content_type=content_type,
        ttl=ttl,
        invocation_timeout=invocation_timeout,
        concurrency=endpoint.concurrency,
    )
    return Ticket.create(path, settings, documents, folder)


def new_run_id() -> str:
    """Returns the id of a new run: ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def run_folder(
    folder: Path,
    endpoint: AsyncEndpoint,
    output: Path,
    *,
    pattern: str | None = None,
    limit: int | None = None,
    content_type: str | None = None,
    ttl: int = DEFAULT_REQUEST_TTL_SECONDS,
    invocation_timeout: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    timeout: float | None = None,
    progress: Progress | None = None,
    wake: Callable[[int], None] | None = None,
    ticket: Path | None = None,
) -> RunSummary:
    """Submits a folder's documents, collects their results meanwhile, and writes one line of JSON for each.

    The lines are in `OUTPUT.partial` until the run is over or broken off; then that file takes the place of `output`. A
    run that sent nothing leaves an older file as it is. In a run that was broken off, submitted documents without an
    outcome have a line too: QUEUED, with the location of their future result.

    Args:
        folder: Contains the documents.
        endpoint: Processes them; its concurrency applies.
        output: The JSON Lines file: file, inference_id, state, output_location, failure_location, reason, answer,
            seconds. `answer` is JSON where the result is, else text with `content_type`; for a result that is neither,
            `answer` is null and `answer_base64` has it.
        pattern: As for `find_documents`.
        limit: As for `find_documents`.
        content_type: Media type of all documents; guessed for each if absent.
        ttl: Seconds that a request may wait in the queue.
        invocation_timeout: Seconds that the model may take for one document.
        timeout: Seconds to wait for all results once everything is submitted; None waits for each job's own deadline.
        progress: Receives every step.
        wake: Called once, with the number of documents, when the endpoint has accepted the first one.
        ticket: A file that remembers the run, so that `resume_run` can continue it; None for a run that cannot be.

    Raises:
        FolderError: There are no documents.
        OSError: The output cannot be opened.
        AsyncEndpointError: There is no such endpoint, S3 cannot be read, or `timeout` passed.
        RunInterrupted: Ctrl-C.
    """
    documents = find_documents(folder, pattern=pattern, limit=limit).documents
    open_ticket = new_ticket(
        folder,
        documents,
        endpoint,
        output,
        run=new_run_id(),
        path=ticket,
        content_type=content_type,
        ttl=ttl,
        invocation_timeout=invocation_timeout,
    )
    options = RunOptions(timeout=timeout, wake=wake, keep_results=True)
    try:
        return resume_run(open_ticket, endpoint, output, options if progress is None else options.with_(progress))
    finally:
        open_ticket.close()


def resume_run(ticket: Ticket, endpoint: AsyncEndpoint, output: Path, options: RunOptions) -> RunSummary:
    """Does what is left of a run: of a new one everything.

    Args:
        ticket: The run's ticket; stays open.
        endpoint: The run's endpoint.
        output: As for `run_folder`; gets the lines of earlier processes too.
        options: Who is notified, and how long to wait.

    Raises:
        OSError: The output cannot be opened.
        AsyncEndpointError: As for `run_folder`.
        RunInterrupted: Ctrl-C.
    """
    started = time.monotonic()
    progress, waking = options.progress, threading.Lock()
    left = sum(ticket.counts()[state] for state in UNFINISHED)

    def wake() -> None:
        if options.wake and waking.acquire(blocking=False):
            options.wake(left)

    def submitted(job: Job) -> None:
        if job.state is JobState.SUBMITTED:
            wake()
        progress.submitted(job)

    results = RunOutput(output)
    engine = RunEngine(endpoint, ticket, results, options, on_submitted=submitted, wake=wake)

    def summary(*, published: bool = False) -> RunSummary:
        jobs = tuple(job for _, job in sorted(engine.jobs, key=lambda each: each[0]))
        return RunSummary(jobs, time.monotonic() - started, ticket.counts(), tuple(engine.report()), published)

    try:
        for line in ticket.lines():
            results.write(line)
        progress.start(left)
        try:
            engine.run()
        finally:
            progress.stop()
        published = _publish(ticket, results)
    except KeyboardInterrupt as interrupt:
        _publish_what_there_is(ticket, results)
        raise RunInterrupted(summary()) from interrupt
    except AsyncEndpointError:
        _publish_what_there_is(ticket, results)
        raise
    finally:
        results.close()
    return summary(published=published)


def _publish(ticket: Ticket, results: RunOutput) -> bool:
    queued = (queued_line(entry) for entry in ticket.entries(DocumentState.QUEUED))
    published = results.publish(queued, replace=not ticket.sent_nothing())
    if published:
        ticket.published()
    return published


def _publish_what_there_is(ticket: Ticket, results: RunOutput) -> None:
    """Publishes the lines of a run that was broken off, whose error is the one to report."""
    with suppress(AsyncEndpointError):
        _publish(ticket, results)
