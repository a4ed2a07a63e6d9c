"""Turns the event of a new object into one request of the endpoint, or into the reason for rejecting the document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import (
    InvocationError,
    InvocationRequest,
    JobRecord,
    JobState,
    S3Location,
    SeenJob,
    Upload,
    record_received,
    record_rejected,
    record_submitted,
    record_waiting,
    upload_content_type,
)
from submit.events import NotAnUpload, ObjectCreated, parse_message
from submit.lane import OpenLane, put_aside
from submit.ports import AcceptanceUnknown, DocumentRejected, RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol import AttemptRequest
    from submit.ports import Documents, Endpoint, Head, Jobs, Lane
    from submit.settings import Settings

_SECONDS_A_DAY = 86_400
# The limit of a payload: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
_LARGEST = 1024**3
_FORM = "multipart/form-data"
# What curl declares for --data-binary by itself.
_FORM_IN_A_URL = "application/x-www-form-urlencoded"
# The content codings that compress (IANA's registry); others, such as aws-chunked, leave the bytes as they are.
_COMPRESSIONS = frozenset({"gzip", "x-gzip", "br", "deflate", "compress", "x-compress", "zstd"})


@dataclass(frozen=True)
class Arrival:
    """A document that arrived in the inbox.

    Attributes:
        upload: The version of the object.
        size: In bytes; None if it is not known without reading the object's head.
        head: The current version under the key, if it was read already.
        attempt: The number of the job's attempt.
        asked: Whether the attempt was asked for by name, and not by the upload itself.
        seen: The job. That of a new object is assumed to be none, and read only if a write finds it.
    """

    upload: Upload
    size: int | None
    head: Head | None = None
    attempt: int = 1
    asked: bool = False
    seen: SeenJob = field(default_factory=SeenJob, compare=False)


class Submitter:
    """Submits documents, each once, however often its event arrives.

    Args:
        jobs: Claims each job before its request and records it afterwards.
        documents: The inbox.
        endpoint: Receives the requests.
        settings: The settings of the function.
        clock: Epoch seconds.
        lane: Admits documents; without it, all.
    """

    def __init__(
        self,
        *,
        jobs: Jobs,
        documents: Documents,
        endpoint: Endpoint,
        settings: Settings,
        clock: Callable[[], float],
        lane: Lane | None = None,
    ) -> None:
        self._jobs = jobs
        self._documents = documents
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._lane = lane or OpenLane()

    def identify(self, message: str) -> Arrival:
        """Returns the document of a message. Calls HeadObject if the event of a new object has no version.

        Raises:
            NotAnUpload: The message is neither the event of a new object nor a request for a known job's attempt.
        """
        event = parse_message(message)
        if not isinstance(event, ObjectCreated):
            return self._waiting(event)
        head = None if event.version_id else self._documents.head(event.bucket, event.key)
        version_id, etag = (head.version_id, head.etag) if head else (event.version_id, event.etag)
        upload = Upload(
            bucket=event.bucket,
            key=event.key,
            version=Upload.version_of(version_id, etag),
            region=event.region,
            received_at=event.at,
        )
        return Arrival(upload, event.size, head)

    def _waiting(self, request: AttemptRequest) -> Arrival:
        """Returns the document of a job that waits for an attempt."""
        seen = self._jobs.look(request.job_id)
        upload = Upload.from_record(seen.record, region=self._settings.region) if seen.record else None
        if upload is None:
            raise NotAnUpload(
                f"Attempt {request.attempt} of the job {request.job_id} is requested, but the jobs table has no "
                "document of such a job."
            )
        return Arrival(upload, None, attempt=request.attempt, asked=True, seen=seen)

    def submit(self, arrival: Arrival) -> str:
        """Submits a document unless that was done before, or puts it aside; returns a sentence for the log.

        The claim comes before any check of the document: a document that was deleted after its job was done must not be
        recorded as deleted too early.

        Raises:
            RetryLater: Another invocation has the claim, or the endpoint does not accept requests.
        """
        if not self._lane.admits(arrival.upload, asked=arrival.asked) and (done := self._without_room(arrival)):
            return done
        upload, seen, now = arrival.upload, arrival.seen, self._clock()
        claim = record_received(
            upload,
            attempt=arrival.attempt,
            claimed_until=int(now) + self._settings.claim_seconds,
            expires_at=self._expires_at(now),
        )
        if existing := self._jobs.claim(claim, now=now, seen=seen):
            return _no_claim(existing, arrival.attempt)
        try:
            record = self._invoke(arrival, claim)
        except DocumentRejected as error:
            self._jobs.merge(
                record_rejected(
                    upload,
                    str(error),
                    attempt=arrival.attempt,
                    at=self._moment(),
                    expires_at=self._expires_at(now),
                ),
                seen=seen,
            )
            return f"{error} The job is recorded as FAILED."
        except AcceptanceUnknown:
            self._lane.note_submitted()
            raise  # and keep the claim, so that an outcome can arrive before another request is made
        except Exception:
            self._jobs.release(claim, seen=seen)
            raise
        self._lane.note_submitted()
        self._jobs.merge(record, seen=seen)
        return f"{upload.input_location} is submitted; its result will be {record.output_location}."

    def _without_room(self, arrival: Arrival) -> str | None:
        """Has a document wait for admission; returns the sentence for the log, None if it was admitted before."""
        expires_at = self._expires_at(self._clock())
        waiting = record_waiting(arrival.upload, attempt=arrival.attempt, expires_at=expires_at)
        job = self._jobs.change(waiting.job_id, lambda existing: put_aside(existing, waiting), seen=arrival.seen)
        if job.state is not JobState.RECEIVED or job.attempt != arrival.attempt:
            return _no_claim(job, arrival.attempt)
        if not job.waits_for_admission:
            return None
        self._lane.note_put_aside()
        return f"{arrival.upload.input_location} waits for admission: there is no room for it now."

    def _invoke(self, arrival: Arrival, claim: JobRecord) -> JobRecord:
        request = self._request(arrival, self._jobs.name_attempt(claim))
        acceptance = self._endpoint.invoke(request)
        return record_submitted(
            arrival.upload,
            attempt=arrival.attempt,
            at=self._moment(),
            content_type=request.content_type,
            output_location=acceptance.output_location,
            failure_location=acceptance.failure_location,
            expires_at=self._expires_at(self._clock()),
        )

    def _request(self, arrival: Arrival, inference_id: str) -> InvocationRequest:
        upload = arrival.upload
        subject = f"The object s3://{upload.bucket}/{upload.key}"
        empty = "a folder marker, not a document" if upload.key.endswith("/") else "empty (0 bytes)"
        if arrival.size == 0:
            raise DocumentRejected(f"{subject} is {empty}.")
        head = self._head(arrival, subject)
        if head.size == 0:
            raise DocumentRejected(f"{subject} is {empty}.")
        if (head.size or 0) > _LARGEST:
            raise DocumentRejected(f"{subject} has {head.size} bytes: SageMaker takes at most {_LARGEST} (1 GB).")
        if fault := _how_uploaded(head):
            raise DocumentRejected(f"{subject} {fault}.")
        pinned = upload.pinned_key(inference_id)
        if not self._documents.copy(upload, pinned):
            raise DocumentRejected(f"{subject} was deleted or overwritten before it was processed.")
        try:
            return InvocationRequest(
                endpoint_name=self._settings.endpoint_name,
                input_location=S3Location(upload.bucket, pinned).uri,
                content_type=upload_content_type(upload.key, declared=head.content_type),
                inference_id=inference_id,
                request_ttl_seconds=self._settings.request_ttl_seconds,
                invocation_timeout_seconds=self._settings.invocation_timeout_seconds,
            )
        except InvocationError as error:
            raise DocumentRejected(f"{subject} cannot be submitted: {error}.") from error

    def _head(self, arrival: Arrival, subject: str) -> Head:
        """Returns the head of the uploaded version, which may not be the current one any more.

        Raises:
            DocumentRejected: The object was deleted, or its bucket does not have the version any more.
        """
        upload = arrival.upload
        head = arrival.head or self._documents.head(upload.bucket, upload.key)
        if head is None:
            raise DocumentRejected(f"{subject} was deleted before it was processed.")
        if Upload.version_of(head.version_id, head.etag) == upload.version:
            return head
        if upload.overwritable:
            raise DocumentRejected(
                f"{subject} was overwritten before it was processed, and its bucket has no versions: turn on "
                "versioning, or use a new key for each document."
            )
        head = self._documents.head(upload.bucket, upload.key, upload.version)
        if head is None:
            raise DocumentRejected(f"{subject} was overwritten, and its version deleted, before it was processed.")
        return head

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _expires_at(self, now: float) -> int:
        return int(now) + self._settings.job_retention_days * _SECONDS_A_DAY


def _how_uploaded(head: Head) -> str | None:
    """Returns what is wrong with the way an object was uploaded, in words; None if nothing is.

    SageMaker passes a body on as it is stored, and the model server takes forms apart before the model sees them.
    """
    declared = (head.content_type or "").split(";")[0].strip().lower()
    if declared == _FORM:
        return "was uploaded as a form (multipart/form-data): PUT the file itself"
    if declared == _FORM_IN_A_URL:
        return f"was uploaded as a form ({declared}): PUT it with the document's own content type"
    codings = (head.content_encoding or "").lower().split(",")
    if packed := next((coding.strip() for coding in codings if coding.strip() in _COMPRESSIONS), None):
        return f"was uploaded with Content-Encoding {packed}: PUT the file uncompressed, without Content-Encoding"
    return None


def _no_claim(existing: JobRecord, attempt: int) -> str:
    """Returns the sentence for an attempt that is submitted or settled already.

    Raises:
        RetryLater: Another invocation has the claim.
    """
    if existing.state is JobState.RECEIVED and existing.attempt == attempt:
        raise RetryLater(
            f"Another invocation has the claim on job {existing.job_id} until {existing.claimed_until} (epoch seconds)."
        )
    at = f" at attempt {existing.attempt}" if existing.attempt > 1 else ""
    return f"Nothing to do: the job is {existing.state}{at} already."
