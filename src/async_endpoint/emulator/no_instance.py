"""An instance that is not to be had: its launch fails, in AWS's words."""

from async_endpoint.emulator.consumer import ServingContainer
from async_endpoint.emulator.containers.instance import Answer, SizedStream
from async_endpoint.emulator.fleet import InstanceUnavailable


class InsufficientCapacity(InstanceUnavailable):
    """AWS has no machine of the wanted type."""


class NoInstance:
    """Stands for an instance that was asked for; starting it is refused.

    Args:
        wanted: The instance as it would have been.
        reason: Why it is not to be had.
    """

    alive = False
    invocations = 0
    log = None
    processes = None

    def __init__(self, wanted: ServingContainer, reason: str) -> None:
        self.instance_id = wanted.instance_id
        self._reason = reason

    def start(self) -> None:
        """Refuse.

        Raises:
            InsufficientCapacity: Always.
        """
        raise InsufficientCapacity(self._reason)

    def wait_ready(self, timeout: float) -> None:
        """Nothing to wait for: it never started."""

    def kill(self) -> None:
        """Nothing to end."""

    def ping(self) -> bool:
        """It does not answer."""
        return False

    def invoke(  # noqa: PLR0913 - as of every instance
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
        """Nothing to end."""
