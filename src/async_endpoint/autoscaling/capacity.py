"""Changing an endpoint variant's instance count, and following each change to its end."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

from async_endpoint.autoscaling.activities import Activity, ActivityLog, instance_count
from async_endpoint.autoscaling.cooldowns import Cooldowns
from async_endpoint.autoscaling.errors import CapacityError
from async_endpoint.autoscaling.targets import TargetKey


class CapacityPort(Protocol):
    """The endpoint variants whose instance counts are scaled, by ResourceId.

    Every method raises CapacityError when the variant does not exist.
    """

    def desired(self, resource_id: str) -> int:
        """Returns the desired instance count."""
        ...

    def set_desired(self, resource_id: str, capacity: int) -> None:
        """Ask for an instance count; may return before the change is complete.

        Raises:
            CapacityError: the change is refused.
        """
        ...

    def is_updating(self, resource_id: str) -> bool:
        """Returns whether a change of any kind is under way, which blocks scaling.

        The return of instances after whoever runs them was stopped is one.
        """
        ...

    def running(self, resource_id: str) -> int:
        """Returns the number of instances in service."""
        ...

    def failure(self, resource_id: str) -> str | None:
        """Returns why the last change of any kind came to nothing, one sentence; None when it came about."""
        ...


@dataclass(frozen=True)
class Change:
    """A decided change of a target's instance count; `cooldown` is in seconds, None where none begins with it."""

    before: int
    after: int
    cause: str
    cooldown: int | None = None


@dataclass(frozen=True)
class _UnderWay:
    """A change that was accepted; of a target that is no longer registered nothing but its activity is of interest."""

    activity: Activity
    change: Change
    is_forgotten: bool = False


class CapacityChanges:
    """Carries changes out through the port, records each as an activity, and starts its cooldown at its end.

    `out_of_bounds` are the targets that a change was to bring within their bounds and did not.
    """

    def __init__(self, port: CapacityPort, log: ActivityLog, cooldowns: Cooldowns) -> None:
        self.out_of_bounds: set[TargetKey] = set()
        self._port = port
        self._log = log
        self._cooldowns = cooldowns
        self._under_way: dict[TargetKey, _UnderWay] = {}

    def available(self, target: TargetKey) -> int | None:
        """Returns a target's instance count, or None while it must not be changed: it is updating, or it is gone.

        A change counts as under way until `settle` has seen its end: its cooldown must be known before the next one.
        """
        if target in self._under_way:
            return None
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
            self._came_to_nothing(target, change)
            return
        activity.waiting()
        self._under_way[target] = _UnderWay(activity, change)
        self._settle_one(target, at)

    def settle(self, at: float) -> None:
        """Closes the activities whose changes are complete, or came to nothing; those start no cooldown."""
        for target in tuple(self._under_way):
            self._settle_one(target, at)

    def state(self) -> list[Any]:
        """Every change under way, the id of its activity first, as plain JSON for `restore`."""
        return [
            [known.activity.activity_id, known.change.before, known.change.after, known.change.cooldown]
            for known in self._under_way.values()
            if not known.is_forgotten
        ]

    def forget(self, target: TargetKey) -> None:
        """Drops what is known of a target that is no longer registered; a change that is under way still ends."""
        if target in self._under_way:
            self._under_way[target] = dataclasses.replace(self._under_way[target], is_forgotten=True)
        self.out_of_bounds.discard(target)

    def restore(self, state: list[Any]) -> None:
        """Take up what `state` gave, to end when the instances are back; the log holds the activities already."""
        for activity_id, before, after, cooldown in state:
            activity = self._log.find(activity_id)
            if activity is not None:
                change = Change(before, after, activity.cause, cooldown)
                self._under_way[activity.target] = _UnderWay(activity, change)

    def _settle_one(self, target: TargetKey, at: float) -> None:
        known = self._under_way[target]
        change = known.change
        try:
            if self._port.is_updating(target.resource_id):
                return
            came_about = self._close(target.resource_id, known, at)
        except CapacityError as error:
            known.activity.failed(at, str(error))
            came_about = False
        del self._under_way[target]
        if known.is_forgotten:
            return
        if not came_about:
            self._came_to_nothing(target, change)
        elif change.cooldown is not None:
            self._cooldowns.begin(target, change.before, change.after, at, at + change.cooldown)

    def _came_to_nothing(self, target: TargetKey, change: Change) -> None:
        if change.cooldown is None:  # an alarm's policy asks again by itself
            self.out_of_bounds.add(target)

    def _close(self, resource_id: str, known: _UnderWay, at: float) -> bool:
        """Records how a change that has ended ended; tells whether it came about.

        The instances count, too: they may be there after all. Where another count is desired than was asked for, and
        nobody says why, SageMaker has given the change up if that is what there was or on the way from there; else
        somebody has asked for another count meanwhile, and AWS is reported to show the activity as Overridden. How it
        shows one that was given up is open: Unfulfilled is the one status that its API has for it.
        """
        activity, before, after = known.activity, known.change.before, known.change.after
        if self._port.running(resource_id) != after:
            failure, desired = self._port.failure(resource_id), self._port.desired(resource_id)
            if failure is not None:
                activity.failed(at, failure)
                return False
            if desired != after:
                is_given_up = min(before, after) <= desired <= max(before, after)
                activity.ended(at, "Unfulfilled" if is_given_up else "Overridden")
                return False
        activity.succeeded(at)
        return True
