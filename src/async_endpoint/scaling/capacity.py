"""Changing an endpoint variant's instance count, and following each change to its end."""

from dataclasses import dataclass
from typing import Protocol

from async_endpoint.scaling.activities import Activity, ActivityLog, instance_count
from async_endpoint.scaling.cooldowns import Cooldowns
from async_endpoint.scaling.errors import CapacityError
from async_endpoint.scaling.targets import TargetKey


class CapacityPort(Protocol):
    """The endpoint variants whose instance counts are scaled, by ResourceId.

    Every method raises CapacityError when the variant does not exist.
    """

    def desired(self, resource_id: str) -> int:
        """Return the desired instance count."""
        ...

    def set_desired(self, resource_id: str, capacity: int) -> None:
        """Ask for an instance count; may return before the change is complete.

        Raises:
            CapacityError: the change is refused.
        """
        ...

    def is_updating(self, resource_id: str) -> bool:
        """Tell whether a change of any kind is under way, which blocks scaling."""
        ...


@dataclass(frozen=True)
class Change:
    """A decided change of a target's instance count; `cooldown` is in seconds, None where none begins with it."""

    before: int
    after: int
    cause: str
    cooldown: int | None = None


class CapacityChanges:
    """Carries changes out through the port, records each as an activity, and starts its cooldown at its end."""

    def __init__(self, port: CapacityPort, log: ActivityLog, cooldowns: Cooldowns) -> None:
        self._port = port
        self._log = log
        self._cooldowns = cooldowns
        self._under_way: dict[TargetKey, tuple[Activity, Change]] = {}

    def available(self, target: TargetKey) -> int | None:
        """Return a target's instance count, or None while it must not be changed: it is updating, or it is gone."""
        try:
            if self._port.is_updating(target.resource_id):
                return None
            return self._port.desired(target.resource_id)
        except CapacityError:
            return None

    def make(self, target: TargetKey, change: Change, at: float) -> None:
        """Carry a change out; a refusal is recorded as a failed activity, which starts no cooldown."""
        activity = self._log.begin(target, instance_count(change.after), change.cause, at)
        try:
            self._port.set_desired(target.resource_id, change.after)
        except CapacityError as error:
            activity.failed(at, str(error))
            return
        activity.waiting()
        self._under_way[target] = (activity, change)
        self._settle_one(target, at)

    def settle(self, at: float) -> None:
        """Close the activities whose changes are complete."""
        for target in tuple(self._under_way):
            self._settle_one(target, at)

    def _settle_one(self, target: TargetKey, at: float) -> None:
        activity, change = self._under_way[target]
        try:
            if self._port.is_updating(target.resource_id):
                return
        except CapacityError as error:
            activity.failed(at, str(error))
        else:
            activity.succeeded(at)
            if change.cooldown is not None:
                self._cooldowns.begin(target, change.before, change.after, at, at + change.cooldown)
        del self._under_way[target]
