"""The interfaces of the logic to AWS, and the data that they exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class ConcurrentRun(Exception):
    """Another run has written the memory since this one read it; the message is one sentence."""


class StopRejected(Exception):
    """SageMaker does not change the endpoint's capacity now; the message is SageMaker's."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The endpoint and its scalable target.

    Attributes:
        status: EndpointStatus; None if there is no endpoint.
        instances: CurrentInstanceCount of the variant.
        changed_at: LastModifiedTime as text; only compared with an earlier one.
        minimum: MinCapacity of the scalable target, which warm windows raise; None if the variant is not registered.
        suspended: Whether scaling in is suspended at the target.
    """

    status: str | None
    instances: int = 0
    changed_at: str = ""
    minimum: int | None = None
    suspended: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """The traces of work.

    Attributes:
        open_job: The id of a job that may still wait or run, or None.
        outcomes: For each final state of jobs, when the newest job reached it, in the format of job records.
        messages: How many messages are in the queues, including those in flight and delayed.
    """

    open_job: str | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    messages: int = 0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The observations of the last run.

    Attributes:
        looked_at: The time of its event.
        busy_at: The last time at which a run saw work, or a reason for the instances to run.
        notified_at: When the topic was notified of the idle time since then; None if it was not.
        instances: As `Fleet.instances`.
        changed_at: As `Fleet.changed_at`.
        transition_since: The first of the consecutive looks that found an operation of SageMaker in progress; None if
            the last look did not.
        outcomes: As `Work.outcomes`, the newest ever seen.
    """

    looked_at: datetime
    busy_at: datetime
    notified_at: datetime | None = None
    instances: int = 0
    changed_at: str = ""
    transition_since: datetime | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)


class Endpoint(Protocol):
    """The watched endpoint."""

    def fleet(self) -> Fleet:
        """Returns the current and the minimum capacity."""

    def stop(self, instances: int) -> None:
        """Sets the variant's instance count.

        Raises:
            StopRejected: An update is in progress, or the endpoint is gone.
        """


class Traces(Protocol):
    """The jobs table and the queues."""

    def work(self) -> Work:
        """Returns the current traces of work."""


class Memories(Protocol):
    """The storage of the last run's memory."""

    def get(self) -> Memory | None:
        """Returns the memory of the last run; None before the first."""

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        """Replaces the memory `after`, which was read.

        Raises:
            ConcurrentRun: The stored memory is no longer the one that was read.
        """


class Topic(Protocol):
    """The topic of all alarms."""

    def publish(self, subject: str, message: str) -> None:
        """Sends one notification."""
