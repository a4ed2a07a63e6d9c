"""The interfaces of the logic to AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from async_endpoint.protocol import JobRecord, JobState, S3Location, Upload


@dataclass(frozen=True)
class Stored:
    """One version of a document in the inbox.

    Attributes:
        upload: The version.
        size: In bytes.
        etag: With or without quotes.
    """

    upload: Upload
    size: int
    etag: str


@dataclass(frozen=True)
class Page:
    """A part of the inbox.

    Attributes:
        documents: The versions in it.
        marker: Where the next part begins; None after the last.
    """

    documents: tuple[Stored, ...]
    marker: str | None


@dataclass(frozen=True)
class Waiting:
    """The submitted jobs for which a run found no outcome.

    Attributes:
        at: For when the run was scheduled.
        oldest: How long the oldest has been submitted; zero if none has been for long enough to be looked at.
        overdue: How many have been for longer than a request may take; those that the run looked at.
    """

    at: datetime
    oldest: timedelta
    overdue: int


class Jobs(Protocol):
    """The jobs table."""

    def oldest(self, state: JobState, *, before: datetime, limit: int) -> Iterable[JobRecord]:
        """Yields jobs that have been in a state since before a moment, the oldest first, up to `limit`.

        Jobs that wait for admission are left out: there may be thousands, and they are where they belong.
        """

    def known(self, job_ids: Iterable[str]) -> set[str]:
        """Returns those of the ids that the table has."""

    def marker(self) -> str | None:
        """Returns where the last run stopped in the inbox; None at its beginning."""

    def put_marker(self, marker: str | None) -> None:
        """Remembers where the run stopped."""


class Objects(Protocol):
    """The results and failures in S3, and both inboxes."""

    def stored_at(self, location: S3Location) -> datetime | None:
        """Returns when an object was written, or None if it does not exist."""

    def inbox(self, marker: str | None) -> Page:
        """Returns the part of both inboxes that begins at a marker."""


class Messages(Protocol):
    """The two queues of the intake and their DLQs."""

    def waiting(self) -> int:
        """Returns about how many messages the queues hold."""

    def dead(self) -> int:
        """Returns about how many messages the DLQs hold."""

    def announce(self, document: Stored) -> None:
        """Sends the event of a document in the inbox once more."""

    def request(self, job: JobRecord) -> None:
        """Sends the request for the attempt at which a job is once more."""


class Measurements(Protocol):
    """The metrics of the jobs."""

    def put(self, waiting: Waiting) -> None:
        """Publishes how old the submitted jobs are."""
