"""An instance that cannot be provisioned: its launch fails, at once or after SageMaker has waited for capacity."""

import threading

from async_endpoint.clock import Clock
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.faults.faults import Shortage
from async_endpoint.emulator.hosting.errors import CapacityNeverCame, InsufficientCapacity

_POLL_SECONDS = 0.05  # of the wall's clock, between two looks at AWS's


class UnavailableInstance:
    """Takes the place of a requested instance; `start` always raises.

    Args:
        instance_id: The id that the instance would have.
        shortage: Why it cannot be provisioned, and how long SageMaker waits for it.
        clock: AWS's clock.
    """

    alive = False
    invocations = 0
    log = None
    processes = None

    def __init__(self, instance_id: str, shortage: Shortage, clock: Clock) -> None:
        self.instance_id = instance_id
        self._reason = shortage.reason
        self._awaited = shortage.awaited
        self._clock = clock
        self._until = clock.now() + shortage.awaited
        self._stopped = threading.Event()

    def start(self) -> None:
        """Raises, once the wait for capacity is over or the instance was stopped.

        Raises:
            InsufficientCapacity: Always; CapacityNeverCame after a wait.
        """
        if not self._awaited:
            raise InsufficientCapacity(self._reason)
        # Polled and not computed: nobody knows when a clock that is moved by hand will reach the moment.
        while self._clock.now() < self._until and not self._stopped.wait(_POLL_SECONDS):
            pass
        raise CapacityNeverCame(self._reason)

    def wait_ready(self, timeout: float) -> None:
        """Does nothing: the instance never started."""

    def kill(self) -> None:
        """Does nothing: there is no process."""

    def ping(self) -> bool:
        """Returns False."""
        return False

    def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Raises.

        Raises:
            InsufficientCapacity: Always.
        """
        del invocation
        raise InsufficientCapacity(self._reason)

    def drain(self, seconds: float) -> None:
        """Does nothing: there is no request."""

    def stop(self) -> None:
        """Ends the wait for capacity."""
        self._stopped.set()
