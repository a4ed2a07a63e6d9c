"""Send a folder of documents through an endpoint and write down what became of each."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from async_endpoint.client import Answer, Job, JobState
from async_endpoint.protocol import DEFAULT_INVOCATION_TIMEOUT_SECONDS, DEFAULT_REQUEST_TTL_SECONDS

if TYPE_CHECKING:
    from async_endpoint.client import AsyncEndpoint

DOCUMENT_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pdf", ".png", ".tif", ".tiff", ".webp"})


class FolderError(ValueError):
    """A folder without documents to send; its message is one sentence."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run.

    Attributes:
        summary: What was known then. The QUEUED jobs go on in the endpoint.
    """

    def __init__(self, summary: RunSummary) -> None:
        super().__init__()
        self.summary = summary


class Progress(Protocol):
    """Is told how a run gets on; `submitted` may be called from several threads."""

    def start(self, documents: int) -> None:
        """The run begins with so many documents."""

    def submitted(self, job: Job) -> None:
        """A document was accepted, or refused for good."""

    def ended(self, job: Job) -> None:
        """A job came to its end."""

    def stop(self) -> None:
        """The run is over, whether well or not."""


@dataclass(frozen=True)
class RunSummary:
    """What became of a folder.

    Attributes:
        jobs: One for each document that was submitted or refused, in the order of the documents.
        seconds: From the first upload to the last end, on the client's clock.
    """

    jobs: tuple[Job, ...]
    seconds: float

    def count(self, state: JobState) -> int:
        """How many jobs are in a state."""
        return Counter(job.state for job in self.jobs)[state]

    @property
    def all_completed(self) -> bool:
        """Whether every document has its answer."""
        return self.count(JobState.COMPLETED) == len(self.jobs)

    def __str__(self) -> str:
        states = [f"{self.count(state)} {state.lower()}" for state in JobState if state is not JobState.QUEUED]
        if queued := self.count(JobState.QUEUED):
            states.append(f"{queued} still queued")
        each = self.seconds / len(self.jobs) if self.jobs else 0.0
        return f"{len(self.jobs)} documents: {', '.join(states)}, in {self.seconds:.1f} s ({each:.2f} s a document)"


def documents_in(folder: Path, *, pattern: str | None = None, limit: int | None = None) -> list[Path]:
    """The documents of a folder, sorted by path.

    Args:
        folder: Where to look.
        pattern: Glob below the folder, such as `**/*.png`; images and PDFs directly in it if absent.
        limit: Take the first so many only.

    Raises:
        FolderError: There is no such folder, or no document in it.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder: name one that holds documents.")
    found = sorted(path for path in folder.glob(pattern or "*") if path.is_file() and not path.name.startswith("."))
    documents = found if pattern else [path for path in found if path.suffix.lower() in DOCUMENT_SUFFIXES]
    if not documents:
        wanted = f"nothing that matches {pattern!r}" if pattern else "no image and no PDF"
        raise FolderError(f"{folder} holds {wanted}: choose the documents by a pattern, or another folder.")
    return documents[:limit]


def run_folder(  # the settings of one run, all but three optional
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
) -> RunSummary:
    """Submit a folder's documents, collect their answers, and write one line of JSON for each.

    The lines are written as the jobs end; when the run is cut short, jobs without an end are written as QUEUED with
    the place where their answer will lie.

    Args:
        folder: Holds the documents.
        endpoint: Where they go, and how many at once.
        output: The JSON Lines file, replaced if it exists: file, inference_id, state, output_location,
            failure_location, reason, answer (JSON where it is JSON, else text), seconds.
        pattern: As for `documents_in`.
        limit: As for `documents_in`.
        content_type: Media type of all documents; guessed for each if absent.
        ttl: Seconds a request may wait in the queue.
        invocation_timeout: Seconds the model may take for one document.
        timeout: Seconds to wait for all answers once everything is submitted; None waits for each job's own deadline.
        progress: Is told of every step.

    Raises:
        FolderError: There are no documents.
        OSError: The output cannot be written.
        AsyncEndpointError: The endpoint is not there, S3 cannot be asked for results, or `timeout` passed.
        RunInterrupted: Ctrl-C.
    """
    documents = documents_in(folder, pattern=pattern, limit=limit)
    progress = progress or _Silence()
    known: list[Job] = []
    written: set[Job] = set()
    started = time.monotonic()

    def note(job: Job) -> None:
        known.append(job)
        progress.submitted(job)

    def summary() -> RunSummary:
        order = {str(path): number for number, path in enumerate(documents)}
        return RunSummary(tuple(sorted(known, key=lambda job: order[job.document])), time.monotonic() - started)

    with output.open("w", encoding="utf-8") as file:
        progress.start(len(documents))
        try:
            jobs = endpoint.submit_many(
                documents,
                on_submitted=note,
                content_type=content_type,
                ttl=ttl,
                invocation_timeout=invocation_timeout,
            )
            for job in endpoint.as_completed(jobs, timeout):
                _write(file, folder, job)
                written.add(job)
                progress.ended(job)
        except KeyboardInterrupt as interrupt:
            raise RunInterrupted(summary()) from interrupt
        finally:
            progress.stop()
            for job in known:
                if job not in written:
                    _write(file, folder, job)
    return summary()


def _write(file: TextIO, folder: Path, job: Job) -> None:
    record = {
        "file": Path(job.document).relative_to(folder).as_posix(),
        "inference_id": job.inference_id,
        "state": job.state,
        "output_location": str(job.output_location) if job.output_location else None,
        "failure_location": str(job.failure_location) if job.failure_location else None,
        "reason": getattr(job.error, "reason", None) or (str(job.error) if job.error else None),
        "answer": _readable(job.answer) if job.answer else None,
        "seconds": None if job.seconds is None else round(job.seconds, 3),
    }
    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    file.flush()


def _readable(answer: Answer) -> Any:  # a JSON document can be anything
    try:
        return answer.json()
    except ValueError:
        return answer.body.decode("utf-8", "replace")


class _Silence:
    """Progress for nobody."""

    def start(self, documents: int) -> None: ...

    def submitted(self, job: Job) -> None: ...

    def ended(self, job: Job) -> None: ...

    def stop(self) -> None: ...
