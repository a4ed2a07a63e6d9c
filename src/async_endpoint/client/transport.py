"""The interface between the client's logic and the services behind it: five calls and their results."""

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
        inference_id: The request's id: the caller's own, if given.
        output_location: The location of the future result.
        failure_location: The location of a future failure; None for an endpoint without S3FailurePath.
        accepted_at: On the clock of the service, in whole seconds.
    """

    inference_id: str
    output_location: S3Location
    failure_location: S3Location | None
    accepted_at: datetime


@dataclass(frozen=True)
class StoredObject:
    """One entry of a listing. `last_modified` is on the service's clock, in whole seconds."""

    key: str
    last_modified: datetime


@dataclass(frozen=True)
class ListingPage:
    """Part of a listing, in the order of keys; `is_truncated` if more follows.

    `listed_at` is on the service's clock, in whole seconds; None if the service does not report it.
    """

    objects: tuple[StoredObject, ...]
    is_truncated: bool
    listed_at: datetime | None = None


@dataclass(frozen=True)
class Payload:
    """An object's content and media type."""

    body: bytes
    content_type: str | None


class Transport(Protocol):
    """The calls that the client makes to AWS. Implementations are thread-safe."""

    @property
    def region(self) -> str:
        """The region of the endpoint and of its buckets."""

    def upload(self, source: Path | bytes, target: S3Location, content_type: str) -> None:
        """Uploads a document to `target`; a file streams from disk.

        Raises:
            SubmitError: The document could not be read or uploaded.
        """

    def submit(self, request: InvocationRequest) -> Acceptance:
        """Submits a request to the endpoint.

        Raises:
            SubmitError: The endpoint did not accept it.
        """

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        """Returns one page of the keys that start with the prefix's key and sort after `start_after`.

        Raises:
            StorageError: The bucket could not be listed.
        """

    def get(self, location: S3Location) -> Payload:
        """Returns a whole object.

        Raises:
            StorageError: The object could not be read.
        """

    def delete(self, location: S3Location) -> None:
        """Deletes an object; one that does not exist is no error.

        Raises:
            StorageError: The object could not be deleted.
        """
