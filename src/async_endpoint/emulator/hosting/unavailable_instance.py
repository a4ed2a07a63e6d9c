"""An instance that cannot be provisioned: its launch fails, at once or after it was awaited for long."""

import threading

from async_endpoint.clock import Clock
from async_endpoint.emulator.containers.model_container import Answer, SizedStream
from async_endpoint.emulator.faults.faults import Shortage
from async_endpoint.emulator.hosting.consumer import ServingContainer
from async_endpoint.emulator.hosting.fleet import InstanceUnavailable

_LOOK_SECONDS = 0.05  # of the wall's clock, between two looks at AWS's


class InsufficientCapacity(InstanceUnavailable):
    """AWS has no machine of the wanted type."""


class CapacityNeverCame(InsufficientCapacity):
    """AWS has had no machine of the wanted type for all the time that it tried."""


class UnavailableInstance:
    """Stands for an instance that was asked for; starting it is refused.

    Args:
        wanted: The instance as it would have been.
        shortage: Why it cannot be provisioned, and for how long it is awaited.
        clock: AWS's clock.
    """

    alive = False
    invocations = 0
    log = None
    processes = None

    def __init__(self, wanted: ServingContainer, shortage: Shortage, clock: Clock) -> None:
        self.instance_id = wanted.instance_id
        self._reason = shortage.reason
        self._awaited = shortage.awaited
        self._clock = clock
        self._until = clock.now() + shortage.awaited
        self._stopped = threading.Event()

    def start(self) -> None:
        """Refuse, when it has been awaited or stopped.

        Raises:
            InsufficientCapacity: Always; CapacityNeverCame if it was awaited.
        """
        if not self._awaited:
            raise InsufficientCapacity(self._reason)
        # Looked at and not computed: a clock that is moved by hand does not say when it will be so late.
        while self._clock.now() < self._until and not self._stopped.wait(_LOOK_SECONDS):
            pass
        raise CapacityNeverCame(self._reason)

    def wait_ready(self, timeout: float) -> None:
        """Nothing to wait for: it never started."""

    def kill(self) -> None:
        """Nothing to end."""

    def ping(self) -> bool:
        """It does not answer."""
        return False

    def invoke(
        self,
        body: bytes | SizedStream,
        *,
        content_type: str | None,
        accept: str | None,
        custom_attributes: str | None,
        inference_id: str | None,
        timeout: float,
    ) -> Answer:
        """Refuse.

        Raises:
            InsufficientCapacity: Always.
        """
        del body, content_type, accept, custom_attributes, inference_id, timeout
        raise InsufficientCapacity(self._reason)

    def drain(self, seconds: float) -> None:
        """It has no request."""

    def stop(self) -> None:
        """Await it no longer."""
        self._stopped.set()
