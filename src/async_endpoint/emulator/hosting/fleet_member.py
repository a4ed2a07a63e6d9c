"""One instance of a fleet, together with what feeds it."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from async_endpoint.emulator.hosting.instance import Instance


class Consumer(Protocol):
    """Takes requests from the queue for one instance; `consumer.InstanceConsumer` is one."""

    @property
    def lost(self) -> bool:
        """Whether its instance fails its health checks, though the process may still run."""

    def stop(self) -> None:
        """Takes no more requests."""

    def join(self) -> None:
        """Returns when it holds no request any more; called after `stop` and after the instance was stopped."""


@dataclass(frozen=True, eq=False)
class FleetMember:
    """One instance and its state; a change of state makes a new member.

    Attributes:
        instance: The instance.
        consumer: Feeds the instance once its model is ready; None while the instance starts.
        since: Since when it has been in this state, in seconds of the monotonic clock.
    """

    instance: Instance
    consumer: Consumer | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def in_service(self) -> bool:
        """Whether its model is ready; otherwise the instance is starting."""
        return self.consumer is not None

    @property
    def is_lost(self) -> bool:
        """Whether it was in service and its process died or fails its health checks."""
        return self.consumer is not None and (self.consumer.lost or not self.instance.alive)
