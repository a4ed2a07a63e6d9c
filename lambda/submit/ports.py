"""What the logic needs of the outside, and the two ways in which a message can end otherwise than submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from async_endpoint.protocol import InvocationRequest, JobRecord


class Rejected(Exception):  # reads as what happened
    """The document can never be processed; the message is the sentence that its record keeps as the reason."""


class MessageKept(Exception):  # reads as what happened
    """Not now: the message stays in the queue and comes again; one sentence."""


class AnswerUnknown(MessageKept):
    """SageMaker may have taken the request: the call broke off once it was sent, or SageMaker itself failed."""


@dataclass(frozen=True)
class Head:
    """What HeadObject says.

    Attributes:
        version_id: None where the bucket keeps no versions.
        etag: With or without quotes.
        content_type: As given at the upload, or S3's default.
    """

    version_id: str | None
    etag: str
    content_type: str | None


@dataclass(frozen=True)
class Acceptance:
    """The locations in SageMaker's 202."""

    output_location: str | None
    failure_location: str | None


class Jobs(Protocol):
    """The jobs table; `async_endpoint.protocol.JobTable` is one and says what each does."""

    def claim(self, record: JobRecord, *, now: float) -> JobRecord | None:
        """Take the job; otherwise what stands in the way."""

    def merge(self, record: JobRecord) -> JobRecord:
        """Add what a record says."""

    def release(self, record: JobRecord) -> None:
        """Give the claim back."""


class Documents(Protocol):
    """The documents in S3."""

    def head(self, bucket: str, key: str) -> Head | None:
        """What lies there now; None if nothing does."""


class Endpoint(Protocol):
    """The asynchronous endpoint."""

    def invoke(self, request: InvocationRequest) -> Acceptance:
        """Hand over a request.

        Raises:
            Rejected: SageMaker finds fault with the request itself.
            MessageKept: The endpoint does not take requests now.
            AnswerUnknown: Nobody knows whether it did.
        """
