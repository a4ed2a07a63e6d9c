"""Sends a folder of documents through an endpoint and writes one line for each outcome."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from async_endpoint.client.jobs import JobState
from async_endpoint.protocol import (
    DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TTL_SECONDS,
    DOCUMENT_SUFFIXES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.jobs import Job, JobResult


class FolderError(ValueError):
    """A folder without documents to send; the message is one sentence."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run.

    Attributes:
        summary: The outcomes so far. The QUEUED jobs continue in the endpoint.
    """

    def __init__(self, summary: RunSummary) -> None:
        super().__init__()
        self.summary = summary


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


@dataclass(frozen=True)
class RunSummary:
    """The outcomes of a folder.

    Attributes:
        jobs: One for each document that was submitted or rejected, in the order of the documents.
        seconds: From the first upload to the last outcome, on the client's clock.
    """

    jobs: tuple[Job, ...]
    seconds: float

    def count(self, state: JobState) -> int:
        """Returns how many jobs are in a state."""
        return Counter(job.state for job in self.jobs)[state]

    @property
    def all_completed(self) -> bool:
        """Whether every document has its result."""
        return self.count(JobState.COMPLETED) == len(self.jobs)

    def __str__(self) -> str:
        states = [f"{self.count(state)} {state.lower()}" for state in JobState if state is not JobState.QUEUED]
        if queued := self.count(JobState.QUEUED):
            states.append(f"{queued} still queued")
        each = self.seconds / len(self.jobs) if self.jobs else 0.0
        return f"{len(self.jobs)} documents: {', '.join(states)}, in {self.seconds:.1f} s ({each:.2f} s a document)"


def documents_in(folder: Path, *, pattern: str | None = None, limit: int | None = None) -> list[Path]:
    """Returns the documents of a folder, sorted by path.

    Args:
        folder: The folder.
        pattern: Glob below the folder, such as `**/*.png`; images and PDFs directly in it if absent.
        limit: The maximum number of documents.

    Raises:
        FolderError: The folder does not exist, or contains no document.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder: name one that holds documents.")
    found = sorted(path for path in folder.glob(pattern or "*") if path.is_file() and not path.name.startswith("."))
    documents = found if pattern else [path for path in found if path.suffix.lower() in DOCUMENT_SUFFIXES]
    if not documents:
        wanted = f"nothing that matches {pattern!r}" if pattern else "no image and no PDF"
        raise FolderError(f"{folder} holds {wanted}: choose the documents by a pattern, or another folder.")
    return documents[:limit]


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
) -> RunSummary:
    """Submits a folder's documents, collects their results, and writes one line of JSON for each.

    Writes each line as soon as the job has an outcome; if the run is interrupted, jobs without one are written as
    QUEUED with the location of their future result.

    Args:
        folder: Contains the documents.
        endpoint: Processes them; its concurrency applies.
        output: The JSON Lines file, replaced if it exists: file, inference_id, state, output_location,
            failure_location, reason, answer (JSON where it is JSON, else text), seconds.
        pattern: As for `documents_in`.
        limit: As for `documents_in`.
        content_type: Media type of all documents; guessed for each if absent.
        ttl: Seconds that a request may wait in the queue.
        invocation_timeout: Seconds that the model may take for one document.
        timeout: Seconds to wait for all results once everything is submitted; None waits for each job's own deadline.
        progress: Receives every step.
        wake: Called once, with the number of documents, when the endpoint has accepted the first one.

    Raises:
        FolderError: There are no documents.
        OSError: The output cannot be written.
        AsyncEndpointError: There is no such endpoint, S3 cannot be read, or `timeout` passed.
        RunInterrupted: Ctrl-C.
    """
    documents = documents_in(folder, pattern=pattern, limit=limit)
    with output.open("w", encoding="utf-8") as file:
        run = _Run(folder, documents, file, progress or _NoProgress(), wake)

        def submit() -> list[Job]:
            return endpoint.submit_many(
                documents,
                on_submitted=run.add,
                content_type=content_type,
                ttl=ttl,
                invocation_timeout=invocation_timeout,
            )

        return run.collect(lambda: endpoint.as_completed(submit(), timeout))


class _Run:
    """The jobs of one run, and the file that gets a line for each."""

    def __init__(
        self,
        folder: Path,
        documents: Sequence[Path],
        file: TextIO,
        progress: Progress,
        wake: Callable[[int], None] | None,
    ) -> None:
        self._folder = folder
        self._documents = documents
        self._file = file
        self._progress = progress
        self._submitted: list[Job] = []
        self._started = time.monotonic()
        self._wake = wake
        self._waking = threading.Lock()

    def add(self, job: Job) -> None:
        """Takes in a job that was submitted; wakes the endpoint with the first that was accepted."""
        if job.state is JobState.QUEUED and self._waking.acquire(blocking=False) and self._wake:
            self._wake(len(self._documents))
        self._submitted.append(job)
        self._progress.submitted(job)

    def collect(self, completed: Callable[[], Iterable[Job]]) -> RunSummary:
        """Writes each job that `completed()` yields and, at the end, whatever happened, those without an outcome."""
        written: set[Job] = set()
        self._progress.start(len(self._documents))
        try:
            for job in completed():
                _write(self._file, self._folder, job)
                written.add(job)
                self._progress.finished(job)
        except KeyboardInterrupt as interrupt:
            raise RunInterrupted(self._summary()) from interrupt
        finally:
            self._progress.stop()
            for job in self._submitted:
                if job not in written:
                    _write(self._file, self._folder, job)
        return self._summary()

    def _summary(self) -> RunSummary:
        order = {str(path): number for number, path in enumerate(self._documents)}
        jobs = sorted(self._submitted, key=lambda job: order[job.document])
        return RunSummary(tuple(jobs), time.monotonic() - self._started)


def _write(file: TextIO, folder: Path, job: Job) -> None:
    record = {
        "file": Path(job.document).relative_to(folder).as_posix(),
        "inference_id": job.inference_id,
        "state": job.state,
        "output_location": str(job.output_location) if job.output_location else None,
        "failure_location": str(job.failure_location) if job.failure_location else None,
        "reason": getattr(job.error, "reason", None) or (str(job.error) if job.error else None),
        "answer": _json_or_text(job.output) if job.output else None,
        "seconds": None if job.seconds is None else round(job.seconds, 3),
    }
    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    file.flush()


def _json_or_text(result: JobResult) -> Any:  # a JSON document can be anything
    try:
        return result.json()
    except ValueError:
        return result.body.decode("utf-8", "replace")


class _NoProgress:
    """Ignores the progress."""

    def start(self, documents: int) -> None: ...

    def submitted(self, job: Job, /) -> None: ...

    def finished(self, job: Job, /) -> None: ...

    def stop(self) -> None: ...
