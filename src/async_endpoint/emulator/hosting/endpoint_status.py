"""The status of an endpoint, as DescribeEndpoint shows it, and how one status follows another.

    CreateEndpoint          UpdateEndpoint, UpdateEndpointWeightsAndCapacities
          |                          |
          v                          v
      Creating -----> InService <-> Updating -----> RollingBack
          |            |     ^                           |
          v            |     +---------------------------+
       Failed          |
          |            |
          +------------+---- DeleteEndpoint ----> Deleting ----> (no endpoint)

Source: the API reference, DescribeEndpoint, and the developer guide, "Auto-rollback configuration and monitoring".
"""

import threading
from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from http import HTTPStatus
from typing import Any

from async_endpoint.clock import Clock
from async_endpoint.emulator.errors import AwsError, ValidationException


class EndpointStatus(StrEnum):
    """EndpointStatus, in AWS's words."""

    CREATING = "Creating"
    IN_SERVICE = "InService"
    UPDATING = "Updating"
    ROLLING_BACK = "RollingBack"
    FAILED = "Failed"
    DELETING = "Deleting"


NEXT: Mapping[EndpointStatus, frozenset[EndpointStatus]] = {
    EndpointStatus.CREATING: frozenset({EndpointStatus.IN_SERVICE, EndpointStatus.FAILED}),
    EndpointStatus.IN_SERVICE: frozenset({EndpointStatus.UPDATING, EndpointStatus.DELETING}),
    EndpointStatus.UPDATING: frozenset({EndpointStatus.IN_SERVICE, EndpointStatus.ROLLING_BACK}),
    EndpointStatus.ROLLING_BACK: frozenset({EndpointStatus.IN_SERVICE}),
    EndpointStatus.FAILED: frozenset({EndpointStatus.DELETING}),
    EndpointStatus.DELETING: frozenset(),
}


class _Process(Enum):
    """What the local AWS's process allows: transitions run in `RUNNING` only."""

    RESTORED = auto()  # the state was read, and nothing has started yet
    RUNNING = auto()
    STOPPED = auto()


class StatusTracker:
    """The status of one endpoint; thread-safe, and only one transition runs at a time.

    Args:
        arn: The endpoint's ARN, for messages.
        clock: AWS's clock.

    Attributes:
        lock: Held while the status changes; hold it to change something else at the same moment.
        status: The present status.
        failure_reason: Why the last transition failed, if it did.
        created_at: When the endpoint was created, in epoch seconds on AWS's clock like the next two.
        modified_at: When its last transition ended.
        began_at: When its last transition began.
    """

    def __init__(self, arn: str, clock: Clock) -> None:
        self.arn = arn
        self.lock = threading.RLock()
        self.status = EndpointStatus.CREATING
        self.failure_reason: str | None = None
        self.created_at = self.modified_at = self.began_at = clock.now()
        self._clock = clock
        self._process = _Process.RUNNING
        self._idle = threading.Event()  # cleared while a transition runs
        self._idle.set()

    @property
    def is_running(self) -> bool:
        """Whether changes are accepted: the local AWS neither starts nor stops."""
        return self._process is _Process.RUNNING

    @property
    def is_stopped(self) -> bool:
        """Whether the local AWS stops; the next process continues from here."""
        return self._process is _Process.STOPPED

    def begin_change(self) -> None:
        """Begins a creation, an update or a change of capacity.

        Raises:
            ValidationException: A transition runs, or the endpoint is Failed.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        with self.lock:
            self.reject_change()
            if self.status is EndpointStatus.IN_SERVICE:
                self._set(EndpointStatus.UPDATING)
            self.began_at = self._clock.now()
            self._idle.clear()

    def reject_change(self) -> None:
        """Raises what `begin_change` would raise; hold `lock` for that to remain so.

        Raises:
            ValidationException: A transition runs, or the endpoint is Failed.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        with self.lock:
            self._reject_while_changing()
            if self.status is EndpointStatus.FAILED:
                raise ValidationException(f'Endpoint "{self.arn}" is Failed: it can only be deleted.')

    def begin_delete(self) -> None:
        """Begins the deletion.

        Raises:
            ValidationException: A transition runs, a deletion included; AWS rejects that, too.
            AwsError: The local AWS starts or stops; ServiceUnavailable.
        """
        with self.lock:
            self._reject_while_changing()
            self._set(EndpointStatus.DELETING)
            self._idle.clear()

    def roll_back(self, reason: str) -> None:
        """Shows that an update failed and the old configuration continues; does nothing during a creation."""
        with self.lock:
            if self.status is EndpointStatus.UPDATING and not self.is_stopped:
                self._set(EndpointStatus.ROLLING_BACK)
                self.failure_reason = reason

    def end_change(self, reason: str | None, *, serves: bool) -> None:
        """Ends a creation, an update or a change of capacity.

        When the local AWS stops, its failure is that of the stopped instances: the next process resumes the change.

        Args:
            reason: Why it failed, None if it did not.
            serves: Whether some configuration serves.
        """
        with self.lock:
            if not self.is_stopped:
                self.failure_reason = reason
                self.modified_at = self._clock.now()
                self._set(EndpointStatus.IN_SERVICE if serves else EndpointStatus.FAILED)
            self._idle.set()

    def end_delete(self) -> None:
        """Ends the deletion, or breaks it off because the local AWS stops."""
        self._idle.set()

    def wait(self, timeout: float) -> bool:
        """Waits until no transition runs; returns False if that takes longer than `timeout` seconds."""
        return self._idle.wait(timeout)

    def stop(self) -> bool:
        """Accepts no more changes, because the local AWS stops; returns False if it was stopped before."""
        with self.lock:
            if self.is_stopped:
                return False
            self._process = _Process.STOPPED
            return True

    def state(self) -> dict[str, Any]:
        """Returns what `restore` reads, as plain JSON."""
        return {
            "status": self.status,
            "failure_reason": self.failure_reason,
            "created_at": self.created_at,
            "modified_at": self.modified_at,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Reads what `state` returned; no change is accepted until `resume`."""
        self._process = _Process.RESTORED
        self.status = EndpointStatus(state["status"])
        self.failure_reason = state["failure_reason"]
        self.created_at, self.modified_at = state["created_at"], state["modified_at"]

    def restore_in_service(self, reason: str | None) -> None:
        """Shows that the restored configuration serves; the transition that was broken off failed for this reason."""
        self.status = EndpointStatus.IN_SERVICE
        self.failure_reason = reason

    def resume(self) -> bool:
        """Accepts changes again, and continues a deletion; returns False if the local AWS already stops."""
        with self.lock:
            if self.is_stopped:
                return False
            self._process = _Process.RUNNING
            if self.status is EndpointStatus.DELETING:
                self._idle.clear()
            return True

    def _set(self, status: EndpointStatus) -> None:
        if status not in NEXT[self.status]:
            raise RuntimeError(f"Endpoint {self.arn} cannot change from {self.status} to {status}.")
        self.status = status

    def _reject_while_changing(self) -> None:
        if not self.is_running:
            raise AwsError(
                "The local AWS starts or stops: try again.", "ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE
            )
        if not self._idle.is_set() or self.status is EndpointStatus.DELETING:
            raise ValidationException(f'Cannot update in-progress endpoint "{self.arn}".')
