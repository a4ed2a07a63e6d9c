"""Documents whose submission broke off: nobody knows whether SageMaker took them, and it does not deduplicate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.client.errors import JobCancelled, JobFailed, JobNotFound, SubmitError
from async_endpoint.client.jobs import Job, JobResult
from async_endpoint.client.result_names import result_stem
from async_endpoint.client.run_submitter import MOST_TRIES
from async_endpoint.client.ticket_schema import DocumentState
from async_endpoint.client.transport import Acceptance
from async_endpoint.counted import counted
from async_endpoint.protocol import JobState, S3Location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from async_endpoint.client.endpoint import AsyncEndpoint
    from async_endpoint.client.jobs_table_reader import JobsTableReader
    from async_endpoint.client.ticket import Ticket
    from async_endpoint.client.ticket_schema import Entry


class Doubts:
    """The doubtful documents of a run.

    Their outcomes would be beside those of the others: a run names the objects itself, so the 202 of one document gives
    the locations of all. A document whose outcome stays away is submitted again, once its upload is deleted: a request
    that still waits then fails instead of being processed a second time.

    Args:
        ticket: Of the run.
        endpoint: Of the run.
        records: The jobs table, which may know an outcome; None to do without.

    Attributes:
        jobs: The jobs that watch for the outcomes, with the numbers of their documents.
    """

    def __init__(self, ticket: Ticket, endpoint: AsyncEndpoint, records: JobsTableReader | None) -> None:
        self.jobs: dict[Job, int] = {}
        self._entries: dict[int, Entry] = {}
        self._left: set[int] = set()
        self._ticket = ticket
        self._endpoint = endpoint
        self._records = records

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, number: int) -> bool:
        return number in self._entries

    def load(self) -> None:
        """Takes in the doubtful documents; call it while nothing is being submitted."""
        for entry in self._ticket.entries(DocumentState.SUBMITTING):
            if entry.number not in self._left:
                self._entries.setdefault(entry.number, entry)

    def watch(self) -> Iterator[tuple[Entry, Job]]:
        """Yields the documents that can be watched from now on, with a job for each that never expires."""
        watched = set(self.jobs.values())
        missing = [entry for number, entry in self._entries.items() if number not in watched]
        if not missing or (sibling := self._ticket.accepted_sibling()) is None:
            return
        for entry in missing:
            output = _beside(sibling.output, sibling, entry)
            if output is None:
                return
            acceptance = Acceptance(
                inference_id=entry.inference_id,
                output_location=output,
                failure_location=_beside(sibling.failure, sibling, entry),
                accepted_at=datetime.fromtimestamp(0, UTC),
            )
            job = self._job(entry, acceptance)
            self.jobs[job] = entry.number
            yield entry, job

    def forget(self, number: int) -> None:
        """A document has its outcome."""
        self._entries.pop(number, None)
        self.jobs = {job: each for job, each in self.jobs.items() if each != number}

    def leave(self, number: int) -> None:
        """Leaves a document to a later process: its result exists, and cannot be read now."""
        self._left.add(number)
        self.forget(number)

    def settled(self, tries: Mapping[int, int], errors: Mapping[int, SubmitError]) -> Iterator[tuple[Entry, Job]]:
        """Yields the documents that have an outcome in the jobs table, or were tried too often, with settled jobs."""
        for entry in list(self._entries.values()):
            job = self._job(entry, None)
            if not self._settle_by_record(entry, job):
                if tries[entry.number] < MOST_TRIES:
                    continue
                job.settle(job.submitted_at, errors[entry.number], JobState.FAILED)
            yield entry, job

    def delete_uploads(self) -> list[Entry]:
        """Deletes the uploads of those to submit again, and returns these; an object of the user's stays.

        While no location is known, it is one document alone: its 202 then gives the locations of the others.

        Raises:
            StorageError: An upload could not be deleted; the document stays doubtful.
        """
        chosen = list(self._entries.values())[: None if self.jobs else 1]
        for entry in chosen:
            if entry.upload:  # always below the run's own prefix, in a folder of its own
                self._endpoint.poller.transport.delete(S3Location.from_uri(entry.upload))
        return chosen

    def renew(self, chosen: list[Entry]) -> set[int]:
        """Makes those of the chosen documents wait again that still have no outcome; returns their numbers."""
        again = {entry.number for entry in chosen if entry.number in self._entries}
        for number in again:
            self._ticket.not_taken(number)
            self.forget(number)
        return again

    def _settle_by_record(self, entry: Entry, job: Job) -> bool:
        if self._records is None:
            return False
        try:
            record = self._records.get(entry.inference_id)
        except JobNotFound:
            return False
        if record.state is JobState.COMPLETED and record.result_location:
            place = S3Location.from_uri(record.result_location)
            job.acceptance = Acceptance(entry.inference_id, place, None, datetime.fromtimestamp(0, UTC))
            payload = self._endpoint.poller.transport.get(place)
            result = JobResult(payload.body, payload.content_type, datetime.fromtimestamp(0, UTC))
            job.settle(job.submitted_at, result, JobState.COMPLETED)
        elif record.state.is_final:
            reason = record.reason or f"The jobs table says {record.state}."
            if record.state is JobState.CANCELLED:
                job.settle(job.submitted_at, JobCancelled(f"{job.document} was cancelled: {reason}"), record.state)
            else:
                job.settle(job.submitted_at, JobFailed(f"{job.document} failed: {reason}", reason), JobState.FAILED)
        return job.state is not JobState.SUBMITTED

    def _job(self, entry: Entry, acceptance: Acceptance | None) -> Job:
        poller = self._endpoint.poller
        return Job(
            document=str(entry.source(Path(self._ticket.settings.folder))),
            inference_id=entry.inference_id,
            acceptance=acceptance,
            submitted_at=poller.clock(),
            deadline=float("inf"),
            wait=poller.wait,
            has_new_key=True,
        )


def renewal_remarks(renewed: Sequence[Entry]) -> Iterator[str]:
    """Yields what the user should know about documents that are submitted again, one sentence for each kind."""
    objects = sum(entry.is_object for entry in renewed)
    stays = " Objects in S3 stay: one that waits in the queue after all is processed twice."
    for number, upload, uploads, more in (
        (len(renewed) - objects, "its upload is deleted, and ", "their uploads are deleted, and ", ""),
        (objects, "", "", stays),
    ):
        if number == 1:
            who, consequence = "1 document was", f"{upload}it is submitted again under a new id."
        else:
            who = f"{counted(number, 'document')} were"
            consequence = f"{uploads}they are submitted again under new ids."
        if number:
            yield f"{who} most likely never taken by the endpoint, when a call broke off: {consequence}{more}"


def _beside(location: str | None, sibling: Entry, entry: Entry) -> S3Location | None:
    """Returns where a document's object is, by that of a sibling; None if the endpoint names objects in its own way."""
    if location is None:
        return None
    folder, slash, name = location.rpartition("/")
    stem = result_stem(sibling.inference_id)
    if not name.startswith(stem):
        return None
    return S3Location.from_uri(f"{folder}{slash}{result_stem(entry.inference_id)}{name.removeprefix(stem)}")
