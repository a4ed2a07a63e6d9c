"""Submits the waiting documents of a ticket in threads, while another thread collects."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from async_endpoint.client.bounded_map import bounded_map
from async_endpoint.client.errors import (
    AwsUnavailable,
    EndpointNotFound,
    InvalidDocument,
    SubmitError,
    Throttled,
    UnknownSubmission,
)
from async_endpoint.client.result_names import result_filename
from async_endpoint.client.ticket_schema import DocumentState
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.jobs import Job
    from async_endpoint.client.ticket import Ticket
from async_endpoint.client.ticket_schema import Entry

MOST_TRIES = 3
"""How often a process submits a document whose submissions are throttled or break off."""


class RunSubmitter:
    """Submits the waiting documents of a ticket.

    Args:
        endpoint: Takes the documents.
        ticket: Has them.
        on_submitted: Called with each job that was accepted or rejected, from a worker thread.

    Attributes:
        done: The accepted and the rejected documents with their jobs.
        doubtful: Documents whose call broke off, with the error.
        changed: How many documents were sent that had changed since the run began, or since they were sent before.
        tries: How often this process submitted a document in vain, by number.
    """

    def __init__(self, endpoint: AsyncEndpoint, ticket: Ticket, on_submitted: Callable[[Job], None]) -> None:
        self.done: SimpleQueue[tuple[Entry, Job]] = SimpleQueue()
        self.doubtful: dict[int, SubmitError] = {}
        self.changed = 0
        self.tries: Counter[int] = Counter()
        self._endpoint = endpoint
        self._ticket = ticket
        self._on_submitted = on_submitted
        self._folder = Path(ticket.settings.folder)
        self._stopping = threading.Event()
        self._rejected: set[int] = set()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_over(self) -> bool:
        """Whether every document was submitted, or no more will be."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def error(self) -> BaseException | None:
        """Why no more documents are submitted."""
        return self._error

    def start(self) -> None:
        """Begins to submit, in threads."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._submit_all, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for the calls in progress, and submits no more."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def _submit_all(self) -> None:
        try:
            submitted_some = True
            while submitted_some and not self._stopping.is_set():  # once more for those that were throttled
                submitted_some = False
                waiting = self._ticket.entries(DocumentState.WAITING)
                # Of a rejected one, the collecting thread is about to write the line.
                left = (entry for entry in waiting if entry.number not in self._rejected)
                for _ in bounded_map(self._submit, left, self._endpoint.concurrency):
                    submitted_some = True
                    if self._stopping.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - the collecting thread raises it
            self._error = error

    def _submit(self, entry: Entry) -> None:
        if self._stopping.is_set():
            return
        source = entry.source(self._folder)
        settings = self._ticket.settings
        try:
            size, mtime_ns, sha256 = _fingerprint(source)

            def about_to_call(location: S3Location) -> None:
                # An object of the user's is no upload: a doubt must not delete it.
                upload = None if location == source else location.uri
                self._ticket.submitting(entry.number, upload=upload, size=size, mtime_ns=mtime_ns, sha256=sha256)

            job = self._endpoint.submit(
                source,
                inference_id=entry.inference_id,
                content_type=settings.content_type,
                ttl=settings.ttl,
                invocation_timeout=settings.invocation_timeout,
                output_path_extension=f"runs/{settings.run}",
                filename=result_filename(entry.inference_id),
                before_call=about_to_call,
            )
        except UnknownSubmission as error:
            self.tries[entry.number] += 1
            self.doubtful[entry.number] = error
            if isinstance(error, AwsUnavailable):
                raise
            return
        except (EndpointNotFound, AwsUnavailable):
            self._ticket.not_taken(entry.number)
            raise
        except SubmitError as error:
            self.tries[entry.number] += 1
            if isinstance(error, Throttled) and self.tries[entry.number] < MOST_TRIES:
                self._ticket.not_taken(entry.number)
                return
            self._rejected.add(entry.number)
            self._ticket.not_taken(entry.number)  # it is no document in doubt
            job = self._endpoint.not_accepted(source, error)
        else:
            job.has_new_key = True
            assert job.acceptance  # noqa: S101 - of every job that `submit` returns
            self._ticket.accepted(entry.number, job.acceptance)
            changed = sha256 != entry.sha256 if entry.sha256 else (size, mtime_ns) != (entry.size, entry.mtime_ns)
            self.changed += changed
        self.done.put((entry, job))
        self._on_submitted(job)


def _fingerprint(source: Path | S3Location) -> tuple[int, int, str | None]:
    """Returns the size, the time of the last change and the SHA-256 of a file; of an object nothing is known."""
    if isinstance(source, S3Location):
        return 0, 0, None
    try:
        with source.open("rb") as file:
            status = os.fstat(file.fileno())
            return status.st_size, status.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidDocument(f"{source} cannot be read: {error.strerror}.") from error
