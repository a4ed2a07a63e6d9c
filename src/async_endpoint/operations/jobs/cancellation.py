"""Cancels jobs, and documents whose job has no record yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client import JobNotFound, StorageError
from async_endpoint.protocol import (
    JobRecord,
    JobState,
    LocationError,
    S3Location,
    Upload,
    merge_records,
    record_cancelled,
    record_received,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_s3.client import S3Client

    from async_endpoint.client import JobsTableReader
    from async_endpoint.protocol import JobsTableWriter

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_REASON = "It was cancelled by a command."


class CancelOutcome(StrEnum):
    """What a cancellation found."""

    UNRECORDED = "unrecorded"
    """The document had no record yet: it is cancelled before its event arrives."""
    WAITING = "waiting"
    """The job was not submitted: it will not be."""
    CLAIMED = "claimed"
    """The job was being submitted: it is marked, but the request may have been made."""
    SUBMITTED = "submitted"
    """The request was made: the job is marked, and the request may still run."""
    ALREADY = "already"
    """The job was cancelled before."""
    OVER = "over"
    """The job has another outcome, and keeps it."""


@dataclass(frozen=True)
class Cancellation:
    """A job after its cancellation, or with `dry_run` as it would be."""

    job: JobRecord
    outcome: CancelOutcome

    def __str__(self) -> str:
        job = self.job
        where = job.output_location or "the endpoint's output location"
        late = f"SageMaker has no call to withdraw it: it may still run, and its result then stays at {where}."
        texts = {
            CancelOutcome.UNRECORDED: "cancelled before its event was processed: it will not be submitted.",
            CancelOutcome.WAITING: "cancelled: it will not be submitted.",
            CancelOutcome.CLAIMED: f"marked CANCELLED while its request was being made, maybe too late. {late}",
            CancelOutcome.SUBMITTED: f"marked CANCELLED, but its request is with the endpoint. {late}",
            CancelOutcome.ALREADY: "was cancelled already.",
            CancelOutcome.OVER: f"is {job.state} already: there is nothing to cancel.",
        }
        document = f" (s3://{job.bucket}/{job.key})" if job.bucket and job.key else ""
        return f"{job.job_id}{document}: {texts[self.outcome]}"


class Canceller:
    """Cancels jobs, each by one write beside which a claim either came first or comes too late.

    SageMaker's runtime has no call to withdraw an asynchronous request:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html

    Args:
        jobs: The jobs table, for writing.
        records: The jobs table, to find the job of a document outside the inbox, or of a deleted one.
        s3: A client of `s3`.
        inboxes: The inboxes of the stage.
        retention_days: How long the table keeps a record that this makes.
        clock: Returns the time, aware.
        dry_run: Only looks, and changes nothing.
    """

    def __init__(
        self,
        jobs: JobsTableWriter,
        records: JobsTableReader,
        s3: S3Client,
        *,
        inboxes: Sequence[S3Location],
        retention_days: int,
        clock: Callable[[], datetime],
        dry_run: bool = False,
    ) -> None:
        self._jobs = jobs
        self._records = records
        self._s3 = s3
        self._inboxes = inboxes
        self._retention = timedelta(days=retention_days)
        self._clock = clock
        self._dry_run = dry_run

    def cancel(self, job: str) -> Cancellation:
        """Cancels a job, by its id or by the location of its document, which means the newest version.

        Raises:
            JobNotFound: There is no such job, and no such document in an inbox.
            RecordsError: The table could not be read.
            StorageError: S3 could not return the document's version.
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        if job.startswith(("s3://", "https://", "http://")):
            try:
                location = S3Location.from_uri(job)
            except LocationError as error:
                raise JobNotFound(str(error)) from error
            if self._in_inbox(location) and (upload := self._head(location)):
                return self.cancel_upload(upload)
        return self._change(self._records.get(job).job_id, None)

    def cancel_upload(self, upload: Upload) -> Cancellation:
        """Cancels the job of a document in the inbox, whether or not it has a record yet.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        return self._change(upload.job_id, upload)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yields the current version of each document under a prefix of an inbox.

        Raises:
            JobNotFound: The prefix is in no inbox.
            StorageError: S3 could not list the documents.
        """
        try:
            location = S3Location.from_prefix_uri(prefix)
        except LocationError as error:
            raise JobNotFound(str(error)) from error
        if not self._in_inbox(location):
            begins = " or ".join(map(str, self._inboxes))
            raise JobNotFound(f"{prefix} is not in the inbox: name a prefix that begins with {begins}.")
        return self._current_versions(location)

    def _current_versions(self, prefix: S3Location) -> Iterator[Upload]:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
        try:
            for page in pages:
                for found in page.get("Versions", []):
                    if found["IsLatest"]:
                        version = Upload.version_of(found.get("VersionId"), found["ETag"])
                        yield self._upload(prefix.bucket, found["Key"], version, found["LastModified"])
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"The documents under {prefix} cannot be listed: {error}") from error

    def _head(self, location: S3Location) -> Upload | None:
        """Returns the current version of a document; None if there is none."""
        try:
            found = self._s3.head_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            if error.response["Error"].get("Code") in _MISSING:
                return None
            raise StorageError(f"The version of {location} cannot be read: {error}") from error
        except BotoCoreError as error:
            raise StorageError(f"The version of {location} cannot be read: {error}") from error
        version = Upload.version_of(found.get("VersionId"), found["ETag"])
        return self._upload(location.bucket, location.key, version, found["LastModified"])

    def _upload(self, bucket: str, key: str, version: str, at: datetime) -> Upload:
        region = self._s3.meta.region_name  # the stage's, like the bucket's
        return Upload(bucket=bucket, key=key, version=version, region=region, received_at=at)

    def _in_inbox(self, location: S3Location) -> bool:
        return any(location.bucket == each.bucket and location.key.startswith(each.key) for each in self._inboxes)

    def _change(self, job_id: str, upload: Upload | None) -> Cancellation:
        now = self._clock()
        change = _Change(job_id, upload, now, expires_at=int((now + self._retention).timestamp()))
        job = change(self._jobs.get(job_id)) if self._dry_run else self._jobs.change(job_id, change)
        return Cancellation(job, change.outcome)


class _Change:
    """What `JobsTableWriter.change` makes of a job; called again whenever another writer was faster."""

    def __init__(self, job_id: str, upload: Upload | None, at: datetime, *, expires_at: int) -> None:
        self._job_id = job_id
        self._upload = upload
        self._at = at
        self._expires_at = expires_at
        self._made: JobRecord | None = None
        self.outcome = CancelOutcome.OVER

    def __call__(self, job: JobRecord | None) -> JobRecord:
        if self._made and job and (job.attempt, job.ended_at) == (self._made.attempt, self._made.ended_at):
            return job  # this command's own write, whose response was lost
        if job is not None and job.state.is_final:
            self.outcome = CancelOutcome.ALREADY if job.state is JobState.CANCELLED else CancelOutcome.OVER
            return job
        self.outcome = self._found(job)
        if job is None:
            if self._upload is None:
                raise JobNotFound(f"There is no job {self._job_id} any more: its record has expired.")
            job = record_received(self._upload, claimed_until=None, expires_at=self._expires_at)
        self._made = record_cancelled(job, _REASON, at=self._at)
        return merge_records(job, self._made)

    def _found(self, job: JobRecord | None) -> CancelOutcome:
        if job is None:
            return CancelOutcome.UNRECORDED
        if job.state is JobState.SUBMITTED:
            return CancelOutcome.SUBMITTED
        claimed = (job.claimed_until or 0) > self._at.timestamp()
        return CancelOutcome.CLAIMED if claimed else CancelOutcome.WAITING
