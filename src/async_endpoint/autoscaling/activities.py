"""Scaling activities: what was changed, why, and the outcome, in Application Auto Scaling's words."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from async_endpoint.autoscaling.targets import TargetKey

# AWS keeps six weeks; an endpoint has fewer activities in that time.
KEPT = 1_000
# Why a change failed that was under way when the process stopped. AWS has no such case, and no words for it.
INTERRUPTED = "The change was interrupted."


def alarm_cause(alarm: str, state: str, policy: str) -> str:
    """Returns the cause of a change that an alarm triggered."""
    return f"monitor alarm {alarm} in state {state} triggered policy {policy}"


def schedule_cause(action: str) -> str:
    """Returns the cause of a change that a scheduled action triggered."""
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


def bound_cause(bound: str, capacity: int) -> str:
    """Returns the cause of a change that a new bound, "minimum" or "maximum", triggered."""
    return f"{bound} capacity was set to {capacity}"


@dataclass
class Activity:
    """One change of an endpoint variant's instance count, or of its bounds; times are in epoch seconds.

    `what` is the setting and its value, in the words of `instance_count` or `bounds`.
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
        """Records that the change was rejected or failed."""
        self.status, self.ended_at = "Failed", at
        self.message = f"Failed to set {self.what.removesuffix('.')}. Reason: {why}"

    def ended(self, at: float, status: Literal["Unfulfilled", "Overridden"]) -> None:
        """Records that an accepted change had another outcome, for no known reason.

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
        """Returns an activity, or None if it is no longer kept."""
        return next((activity for activity in self if activity.activity_id == activity_id), None)

    def state(self) -> list[Any]:
        """Returns every activity, oldest first, as plain JSON for `restore`."""
        return [
            [each.activity_id, each.target.describe(), each.what, each.cause, each.started_at, each.ended_at,
             each.status, each.message]
            for each in self._kept
        ]  # fmt: skip

    def restore(self, state: list[Any], taken_up: Collection[str] = ()) -> None:
        """Restores what `state` returned.

        A change that was under way has failed, unless its id is among `taken_up`.
        """
        for activity_id, target, *parts in state:
            activity = Activity(activity_id, TargetKey.from_members(target), *parts)
            if activity.status == "InProgress" and activity_id not in taken_up:
                activity.failed(activity.started_at, INTERRUPTED)
            self._kept.append(activity)

    def __iter__(self) -> Iterator[Activity]:
        """Yields the activities, newest first."""
        return reversed(self._kept)
