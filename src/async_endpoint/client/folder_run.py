"""Sends a folder of documents through an endpoint and writes one line for each outcome."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.client.folder_documents import find_documents
from async_endpoint.client.run_engine import RunEngine
from async_endpoint.client.run_options import RunOptions
from async_endpoint.client.run_output import NoOutput, RunOutput
from async_endpoint.client.run_summary import RunInterrupted, RunSummary
from async_endpoint.client.ticket import Ticket
from async_endpoint.client.ticket_lines import queued_line
from async_endpoint.client.ticket_schema import UNFINISHED, DocumentState, RunSettings
from async_endpoint.counted import counted
from async_endpoint.protocol import DEFAULT_INVOCATION_TIMEOUT_SECONDS, DEFAULT_REQUEST_TTL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.run_options import Progress
    from async_endpoint.client.run_output import LineWriter
    from async_endpoint.protocol import S3Location


def new_ticket(
    folder: Path,
    documents: Sequence[Path | S3Location],
    endpoint: AsyncEndpoint,
    output: Path | None,
    *,
    run: str,
    path: Path | None,
    content_type: str | None = None,
    ttl: int = DEFAULT_REQUEST_TTL_SECONDS,
    invocation_timeout: int = DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    watch: bool = False,
) -> Ticket:
    """Returns the ticket of a new run, in which every document waits.

    Args:
        folder: Contains the documents; the file names of the lines are relative to it.
        documents: Files, and objects in S3; a file outside the folder is named by its absolute path.
        endpoint: Processes them.
        output: The JSON Lines file; None for a run that writes none.
        run: The run's id, of `new_run_id`.
        path: The ticket's file; None keeps the ticket in memory.
        content_type: As for `run_folder`.
        ttl: As for `run_folder`.
        invocation_timeout: As for `run_folder`.
        watch: Whether documents are added later, as they appear in the folder.

    Raises:
        TicketError: The ticket cannot be written, or is there already.
    """
    settings = RunSettings(
        run=run,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        endpoint=endpoint.endpoint_name,
        region=endpoint.region,
        inputs=str(endpoint.input_location or ""),
        folder=str(folder.resolve() if watch else folder.absolute()),  # a link may point elsewhere in the next watch
        output=str(output.absolute()) if output else "",
        content_type=content_type,
        ttl=ttl,
        invocation_timeout=invocation_timeout,
        concurrency=endpoint.concurrency,
        watch=watch,
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


def resume_run(ticket: Ticket, endpoint: AsyncEndpoint, output: Path | None, options: RunOptions) -> RunSummary:
    """Does what is left of a run: of a new one everything.

    Args:
        ticket: The run's ticket; stays open.
        endpoint: The run's endpoint.
        output: As for `run_folder`; gets the lines of earlier processes too. None leaves the lines in the ticket alone.
        options: Who is notified, and how long to wait.

    Raises:
        OSError: The output cannot be opened.
        AsyncEndpointError: As for `run_folder`.
        RunInterrupted: Ctrl-C.
    """
    started = time.monotonic()
    results: LineWriter = RunOutput(output) if output else NoOutput()
    engine = RunEngine(endpoint, ticket, results, options)

    def summary(*, published: bool = False) -> RunSummary:
        jobs = tuple(job for _, job in sorted(engine.jobs, key=lambda each: each[0]))
        counts = ticket.counts()
        return RunSummary(
            jobs=jobs,
            seconds=time.monotonic() - started,
            counts=counts,
            remarks=tuple(engine.report()),
            published=published,
            settled=engine.left - sum(counts[state] for state in UNFINISHED),
        )

    try:
        for line in ticket.lines():
            results.write(line)
        total = ticket.counts().total()
        if done := total - engine.left:
            options.notify(
                f"{done:,} of {counted(total, 'document')} already had an outcome; the progress is of the rest."
            )
        options.progress.start(engine.left)
        try:
            engine.run()
        finally:
            options.progress.stop()
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


def fetch_results(ticket: Ticket, endpoint: AsyncEndpoint, options: RunOptions) -> None:
    """Fetches the outcomes of a run that exist now; submits nothing, and waits for nothing.

    Args:
        ticket: The run's ticket; stays open, and has the lines.
        endpoint: The run's endpoint; not called if nothing is queued.
        options: Receives the progress.

    Raises:
        AsyncEndpointError: S3 or the ticket cannot be read; the ticket has what was fetched.
    """
    engine = RunEngine(endpoint, ticket, NoOutput(), options)
    options.progress.start(ticket.counts()[DocumentState.QUEUED])
    try:
        engine.fetch()
    finally:
        options.progress.stop()


def known_lines(ticket: Ticket) -> Iterator[str]:
    """Yields the lines of the documents with an outcome, then those of the queued documents, each by number."""
    yield from ticket.lines()
    for entry in ticket.entries(DocumentState.QUEUED):
        yield queued_line(entry)


def _publish(ticket: Ticket, results: LineWriter) -> bool:
    queued = (queued_line(entry) for entry in ticket.entries(DocumentState.QUEUED))
    published = results.publish(queued, replace=not ticket.sent_nothing())
    if published:
        ticket.published()
    return published


def _publish_what_there_is(ticket: Ticket, results: LineWriter) -> None:
    """Publishes the lines of a run that was broken off, whose error is the one to report."""
    with suppress(AsyncEndpointError):
        _publish(ticket, results)
