"""The interfaces of the logic to AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from async_endpoint.protocol import JobRecord
    from notify.changes import Change


class EventBus(Protocol):
    """EventBridge's default bus."""

    def put(self, details: Sequence[Mapping[str, Any]]) -> Sequence[str | None]:
        """Sends one event for each detail; returns for each why it was not accepted, None if it was."""


class Jobs(Protocol):
    """The jobs table."""

    def find(self, job_id: str) -> Change | None:
        """Returns a job as if it had just been written; None if the table has no such job."""


class Documents(Protocol):
    """The documents of the inbox."""

    def tag(self, job: JobRecord) -> None:
        """Tags the version of a job's document with the job's state; logs why if that is not possible."""
