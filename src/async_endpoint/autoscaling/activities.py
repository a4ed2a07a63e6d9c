"""Scaling activities: what was changed, why, and how it went, worded as Application Auto Scaling words them."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from async_endpoint.autoscaling.targets import TargetKey

# AWS keeps six weeks; this many is more than an endpoint makes in that time.
KEPT = 1_000
# Why a change failed that was under way when whoever was to carry it out ended. AWS has no such case, nor words for it.
INTERRUPTED = "The change was interrupted."


def triggered(alarm: str, state: str, policy: str) -> str:
    """Returns the cause of a change that an alarm brought about."""
    return f"monitor alarm {alarm} in state {state} triggered policy {policy}"


def scheduled(action: str) -> str:
    """Returns the cause of a change that a scheduled action asked for."""
    return f"scheduled action name {action} was triggered"


def instance_count(capacity: int) -> str:
    """Returns what a change of the instance count sets; AWS ends this description with a full stop."""
    return f"desired instance count to {capacity}."


def bounds(least: int | None, most: int | None) -> str:
    """Returns what a scheduled action sets; AWS ends this description without a full stop.

    Source: Application Auto Scaling user guide, the example output of a schedule's scaling activities.
    """
    capacities = {"min": least, "max": most}
    return " and ".join(f"{bound} capacity to {value}" for bound, value in capacities.items() if value is not None)


def bound_was_set(bound: str, capacity: int) -> str:
    """Returns the cause of a change that a new bound, "minimum" or "maximum", brought about."""
    return f"{bound} capacity was set to {capacity}"


@dataclass
class Activity:
    """One change of an endpoint variant's instance count, or of its bounds; times are in epoch seconds.

    `what` is what is set to which value, as `instance_count` and `bounds` word it.
    """

    activity_id: str
    target: TargetKey
    what: str
    cause: str
    started_at: float
    ended_at: float | None = None
    status: str = "InProgress"
    message: str = ""

    def waiting(self) -> None:
        """Records that the change was accepted and is under way."""
        self.message = f"Successfully set {self.what} Waiting for change to be fulfilled by sagemaker."

    def succeeded(self, at: float) -> None:
        """Records that the change is complete."""
        self.status, self.ended_at = "Successful", at
        self.message = f"Successfully set {self.what} Change successfully fulfilled by sagemaker."

    def carried_out(self) -> None:
        """Records that bounds were set: there is nothing to wait for, and AWS's example shows no EndTime."""
        self.status, self.message = "Successful", f"Successfully set {self.what}"

    def failed(self, at: float, why: str) -> None:
        """Records that the change was refused or came to nothing."""
        self.status, self.ended_at = "Failed", at
        self.message = f"Failed to set {self.what.removesuffix('.')}. Reason: {why}"

    def ended(self, at: float, status: Literal["Unfulfilled", "Overridden"]) -> None:
        """Records that an accepted change ended otherwise than asked for, and nobody says why.

        Its message stays: no recording shows other words.
        """
        self.status, self.ended_at = status, at

    def describe(self) -> dict[str, object]:
        """Returns the activity as a ScalingActivity."""
        described = {"ActivityId": self.activity_id} | self.target.describe()
        described |= {
            "Description": f"Setting {self.what}",
            "Cause": self.cause,
            "StartTime": self.started_at,
            "StatusCode": self.status,
            "StatusMessage": self.message,
        }
        return described | ({} if self.ended_at is None else {"EndTime": self.ended_at})


class ActivityLog:
    """The newest activities of all targets."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._kept: deque[Activity] = deque(maxlen=KEPT)

    def begin(self, target: TargetKey, what: str, cause: str, at: float) -> Activity:
        """Records a change that begins."""
        activity = Activity(self._new_id(), target, what, cause, at)
        self._kept.append(activity)
        return activity

    def find(self, activity_id: str) -> Activity | None:
        """Returns an activity, or None where it is not kept any more."""
        return next((activity for activity in self if activity.activity_id == activity_id), None)

    def state(self) -> list[Any]:
        """Every activity, oldest first, as plain JSON for `restore`."""
        return [
            [each.activity_id, each.target.describe(), each.what, each.cause, each.started_at, each.ended_at,
             each.status, each.message]
            for each in self._kept
        ]  # fmt: skip

    def restore(self, state: list[Any], taken_up: Collection[str] = ()) -> None:
        """Restores what `state` returned.

        A change that was under way ended with whoever was to carry it out, unless its id is among those taken up.
        """
        for activity_id, target, *parts in state:
            activity = Activity(activity_id, TargetKey.from_members(target), *parts)
            if activity.status == "InProgress" and activity_id not in taken_up:
                activity.failed(activity.started_at, INTERRUPTED)
            self._kept.append(activity)

    def __iter__(self) -> Iterator[Activity]:
        """Go through the activities, newest first."""
        return reversed(self._kept)
