"""Changes of an endpoint variant's instance count, each followed until it is complete."""

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
        """Asks for an instance count; may return before the change is complete.

        Raises:
            CapacityError: The change is rejected.
        """
        ...

    def is_updating(self, resource_id: str) -> bool:
        """Returns whether a change of any kind is under way, which blocks scaling.

        The return of instances after a stop of the process that runs them is one.
        """
        ...

    def running(self, resource_id: str) -> int:
        """Returns the number of instances in service."""
        ...

    def failure(self, resource_id: str) -> str | None:
        """Returns why the last change of any kind failed, in one sentence; None if it did not."""
        ...


@dataclass(frozen=True)
class Change:
    """A decided change of a target's instance count; `cooldown` is in seconds, None for a change without one."""

    before: int
    after: int
    cause: str
    cooldown: int | None = None


@dataclass(frozen=True)
class _UnderWay:
    """An accepted change; `is_forgotten` if its target is no longer registered and only the activity matters."""

    activity: Activity
    change: Change
    is_forgotten: bool = False


class CapacityChanges:
    """Carries changes out through the port, records each as an activity, and starts its cooldown when it is complete.

    `out_of_bounds` are the targets whose change to within their bounds failed.
    """

    def __init__(self, port: CapacityPort, log: ActivityLog, cooldowns: Cooldowns) -> None:
        self.out_of_bounds: set[TargetKey] = set()
        self._port = port
        self._log = log
        self._cooldowns = cooldowns
        self._under_way: dict[TargetKey, _UnderWay] = {}

    def available(self, target: TargetKey) -> int | None:
        """Returns a target's instance count, or None while it must not be changed: the variant is updating, or gone.

        A change is under way until `settle` has closed it: its cooldown must be known before the next change.
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
        """Carries a change out; a rejected one is recorded as a failed activity, which starts no cooldown."""
        activity = self._log.begin(target, instance_count(change.after), change.cause, at)
        try:
            self._port.set_desired(target.resource_id, change.after)
        except CapacityError as error:
            activity.failed(at, str(error))
            self._note_failure(target, change)
            return
        activity.waiting()
        self._under_way[target] = _UnderWay(activity, change)
        self._settle_one(target, at)

    def settle(self, at: float) -> None:
        """Closes the activities whose changes are complete or have failed; failed ones start no cooldown."""
        for target in tuple(self._under_way):
            self._settle_one(target, at)

    def state(self) -> list[Any]:
        """Returns every change under way, the id of its activity first, as plain JSON for `restore`."""
        return [
            [known.activity.activity_id, known.change.before, known.change.after, known.change.cooldown]
            for known in self._under_way.values()
            if not known.is_forgotten
        ]

    def forget(self, target: TargetKey) -> None:
        """Drops the state of a target that is no longer registered; a change under way is still followed."""
        if target in self._under_way:
            self._under_way[target] = dataclasses.replace(self._under_way[target], is_forgotten=True)
        self.out_of_bounds.discard(target)

    def restore(self, state: list[Any]) -> None:
        """Restores what `state` returned; the changes complete when the instances are back. Restore the log first."""
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
            is_complete = self._close(target.resource_id, known, at)
        except CapacityError as error:
            known.activity.failed(at, str(error))
            is_complete = False
        del self._under_way[target]
        if known.is_forgotten:
            return
        if not is_complete:
            self._note_failure(target, change)
        elif change.cooldown is not None:
            self._cooldowns.begin(target, change.before, change.after, at, at + change.cooldown)

    def _note_failure(self, target: TargetKey, change: Change) -> None:
        if change.cooldown is None:  # a change by an alarm repeats by itself
            self.out_of_bounds.add(target)

    def _close(self, resource_id: str, known: _UnderWay, at: float) -> bool:
        """Records the outcome of a change; returns whether the change succeeded.

        A change succeeds if its instances run, whatever else happened. If another count is desired than was asked for,
        without a reason, there are two cases. A count between the old and the new one: SageMaker has given the change
        up. How AWS shows that is open: Unfulfilled is the one fitting status of its API. Any other count: a client has
        asked for it meanwhile, and AWS is reported to show the activity as Overridden.
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
