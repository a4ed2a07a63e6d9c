"""What the logic needs of the outside, and what it is shown there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class LookedMeanwhile(Exception):  # reads as what happened
    """Another run has written what it saw since this one read it; one sentence."""


class StopRefused(Exception):  # reads as what happened
    """SageMaker does not change the endpoint's capacity now; one sentence in its words."""


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
    """The traces that work leaves.

    Attributes:
        open_job: The id of a job that may still be waiting or running; None if there is none.
        outcomes: For each final state that jobs are in, when the newest one reached it, as job records spell times.
        messages: How many messages are in the queues, those in flight and delayed included.
    """

    open_job: str | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    messages: int = 0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the last run saw.

    Attributes:
        looked_at: The time of its event.
        busy_at: The last time at which a run saw work, or a reason for the instances to be there.
        notified_at: When the topic was notified that nothing was seen since; None if it was not.
        instances: As `Fleet.instances`.
        changed_at: As `Fleet.changed_at`.
        transition_since: The first of the looks, up to this one, that all found an operation of SageMaker under way;
            None if this one did not.
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
    """The endpoint that is watched."""

    def fleet(self) -> Fleet:
        """What runs, and what is to run."""

    def stop(self, instances: int) -> None:
        """Set the variant's instance count.

        Raises:
            StopRefused: An update is under way, or the endpoint is gone.
        """


class Traces(Protocol):
    """The jobs table and the queues."""

    def work(self) -> Work:
        """The traces of work that are there now."""


class Memories(Protocol):
    """The one place in which a run leaves word for the next."""

    def get(self) -> Memory | None:
        """What the last run left; None before the first."""

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        """Replace what was read.

        Raises:
            LookedMeanwhile: It is no longer what was read.
        """


class Topic(Protocol):
    """The topic that every alarm notifies."""

    def publish(self, subject: str, message: str) -> None:
        """Send one notification."""
