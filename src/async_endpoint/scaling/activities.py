"""Scaling activities: what was changed, why, and how it went, worded as Application Auto Scaling words them."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from async_endpoint.scaling.targets import TargetKey

# AWS keeps six weeks; this many is more than an endpoint makes in that time.
KEPT = 1_000


def triggered(alarm: str, state: str, policy: str) -> str:
    """Return the cause of a change that an alarm brought about."""
    return f"monitor alarm {alarm} in state {state} triggered policy {policy}"


def scheduled(action: str) -> str:
    """Return the cause of a change that a scheduled action asked for."""
    return f"scheduled action name {action} was triggered"


def bound_was_set(bound: str, capacity: int) -> str:
    """Return the cause of a change that a new bound, "minimum" or "maximum", brought about."""
    return f"{bound} capacity was set to {capacity}"


@dataclass
class Activity:
    """One change of an endpoint variant's instance count; times are in epoch seconds."""

    activity_id: str
    target: TargetKey
    capacity: int
    cause: str
    started_at: float
    ended_at: float | None = None
    status: str = "InProgress"
    message: str = ""

    def waiting(self) -> None:
        """Record that the change was accepted and is under way."""
        self.message = f"{self._accepted} Waiting for change to be fulfilled by sagemaker."

    def succeeded(self, at: float) -> None:
        """Record that the change is complete."""
        self.status, self.ended_at = "Successful", at
        self.message = f"{self._accepted} Change successfully fulfilled by sagemaker."

    def failed(self, at: float, why: str) -> None:
        """Record that the change was refused or came to nothing."""
        self.status, self.ended_at = "Failed", at
        self.message = f"Failed to set desired instance count to {self.capacity}. Reason: {why}"

    @property
    def _accepted(self) -> str:
        return f"Successfully set desired instance count to {self.capacity}."

    def describe(self) -> dict[str, object]:
        """Return the activity as a ScalingActivity."""
        described = {"ActivityId": self.activity_id} | self.target.describe()
        described |= {
            "Description": f"Setting desired instance count to {self.capacity}.",
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

    def begin(self, target: TargetKey, capacity: int, cause: str, at: float) -> Activity:
        """Record a change that begins."""
        activity = Activity(self._new_id(), target, capacity, cause, at)
        self._kept.append(activity)
        return activity

    def state(self) -> list[Any]:
        """Every activity, oldest first, as plain JSON for `restore`."""
        return [
            [each.activity_id, each.target.describe(), each.capacity, each.cause, each.started_at, each.ended_at,
             each.status, each.message]
            for each in self._kept
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Take in what `state` gave. A change that was under way ended with whoever was to carry it out."""
        for activity_id, target, *parts in state:
            activity = Activity(activity_id, TargetKey.from_members(target), *parts)
            if activity.ended_at is None:
                activity.failed(activity.started_at, "The change was interrupted.")
            self._kept.append(activity)

    def __iter__(self) -> Iterator[Activity]:
        """Go through the activities, newest first."""
        return reversed(self._kept)
