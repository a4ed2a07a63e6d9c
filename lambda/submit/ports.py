"""The interfaces of the logic to AWS, and the errors of a document that is not submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol import InvocationRequest, JobRecord, SeenJob, Upload


class DocumentRejected(Exception):
    """The document can never be processed; the message is the sentence in the `reason` of its record."""


class RetryLater(Exception):
    """The document cannot be submitted now; the queue delivers its message again. The message is one sentence."""


class AcceptanceUnknown(RetryLater):
    """SageMaker may have accepted the request: the connection broke after sending, or SageMaker failed."""


@dataclass(frozen=True)
class Head:
    """The response of HeadObject.

    Attributes:
        version_id: None if the bucket has no versioning.
        etag: With or without quotes.
        content_type: The content type set by the uploader, or S3's default.
        content_encoding: The Content-Encoding set by the uploader.
        size: In bytes.
    """

    version_id: str | None
    etag: str
    content_type: str | None
    content_encoding: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Acceptance:
    """The locations in SageMaker's 202."""

    output_location: str | None
    failure_location: str | None


class Jobs(Protocol):
    """The jobs table; implemented and documented by `async_endpoint.protocol.JobsTableWriter`."""

    def look(self, job_id: str) -> SeenJob:
        """Returns a job for the writes that follow; it was read after the batch had come."""

    def name_attempt(self, record: JobRecord) -> str:
        """Returns the InferenceId of the record's attempt, and makes it lead back to the job."""

    def claim(self, record: JobRecord, *, now: float, seen: SeenJob) -> JobRecord | None:
        """Claims the job; returns the existing record if that is not possible."""

    def change(self, job_id: str, change: Callable[[JobRecord | None], JobRecord], *, seen: SeenJob) -> JobRecord:
        """Replaces a job by what `change` makes of it."""

    def merge(self, record: JobRecord, *, seen: SeenJob) -> JobRecord:
        """Merges a record."""

    def release(self, record: JobRecord, *, seen: SeenJob) -> None:
        """Releases the claim."""


class Documents(Protocol):
    """The documents in S3."""

    def head(self, bucket: str, key: str, version_id: str | None = None) -> Head | None:
        """Returns a version of the object, without an id the current one; None if there is none.

        Raises:
            RetryLater: S3 does not say now.
        """

    def copy(self, upload: Upload, key: str) -> bool:
        """Copies an uploaded version to another key of its bucket; returns False if the version is gone.

        Raises:
            RetryLater: It cannot be copied now.
        """


class Endpoint(Protocol):
    """The asynchronous endpoint."""

    def invoke(self, request: InvocationRequest) -> Acceptance:
        """Submits a request.

        Raises:
            DocumentRejected: The request itself is invalid.
            RetryLater: The endpoint does not accept requests now.
            AcceptanceUnknown: SageMaker may have accepted the request.
        """


class Lane(Protocol):
    """Admits documents; implemented and documented by `submit.lane.Lane`."""

    def admits(self, upload: Upload, *, asked: bool) -> bool:
        """Returns whether a document may be submitted now."""

    def note_submitted(self) -> None:
        """Takes the room of a document."""

    def note_put_aside(self) -> None:
        """Notes that a document waits."""
