"""The seam between the client's logic and the services behind it: five calls, and what they hand back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from async_endpoint.protocol import InvocationRequest, S3Location


@dataclass(frozen=True)
class Acceptance:
    """SageMaker's 202.

    Attributes:
        inference_id: The request's id, the caller's own where it gave one.
        output_location: Where the answer will lie.
        failure_location: Where a failure will be told; None for an endpoint without S3FailurePath.
        accepted_at: On the service's clock, which also stamps the objects; whole seconds.
    """

    inference_id: str
    output_location: S3Location
    failure_location: S3Location | None
    accepted_at: datetime


@dataclass(frozen=True)
class StoredObject:
    """One line of a listing. `last_modified` is on the service's clock, in whole seconds."""

    key: str
    last_modified: datetime


@dataclass(frozen=True)
class ListingPage:
    """Part of a listing, in the order of keys; `is_truncated` if more follows."""

    objects: tuple[StoredObject, ...]
    is_truncated: bool


@dataclass(frozen=True)
class Payload:
    """An object's content and media type."""

    body: bytes
    content_type: str | None


class Transport(Protocol):
    """What the client needs of AWS. Implementations are safe to call from several threads at once."""

    def upload(self, source: Path | bytes, target: S3Location, content_type: str) -> None:
        """Put a document at `target`; a file streams from disk.

        Raises:
            SubmitError: It could not be read or put.
        """

    def submit(self, request: InvocationRequest) -> Acceptance:
        """Hand a request to the endpoint.

        Raises:
            SubmitError: The endpoint did not take it.
        """

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        """List one page of the keys that begin with the prefix's and sort after `start_after`.

        Raises:
            StorageError: The bucket could not be listed.
        """

    def get(self, location: S3Location) -> Payload:
        """Read an object whole.

        Raises:
            StorageError: It could not be read.
        """
