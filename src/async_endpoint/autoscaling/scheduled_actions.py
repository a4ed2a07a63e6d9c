"""Scheduled actions: they change a target's bounds at given times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import ObjectNotFoundException, ValidationException
from async_endpoint.autoscaling.schedules import Schedule
from async_endpoint.autoscaling.targets import TargetKey


@dataclass(frozen=True)
class ScheduledAction:
    """One action; times are in epoch seconds, `least` and `most` instance counts, None for a bound that stays."""

    target: TargetKey
    name: str
    arn: str
    schedule: Schedule
    created_at: float
    least: int | None
    most: int | None
    start: float | None = None
    end: float | None = None

    @classmethod
    def from_members(cls, request: Mapping[str, Any], arn: str, now: float, previous: Self | None = None) -> Self:
        """Builds an action from PutScheduledAction's members; times are in epoch seconds.

        An update keeps what it leaves out, except the times: "If you don't specify start and end times, the old values
        are deleted" (API reference).

        Raises:
            ValidationException: Schedule or ScalableTargetAction is missing for a new action, or one of them is wrong.
        """
        action, expression, zone = (request.get(name) for name in ("ScalableTargetAction", "Schedule", "Timezone"))
        if previous is not None:
            action = previous.bounds if action is None else action
            expression = expression or previous.schedule.expression
            zone = zone or previous.schedule.zone
        if action is None or expression is None:
            raise ValidationException("Schedule and ScalableTargetAction must be specified for a new scheduled action")
        resource_limits.check_at_least(0, action, "MinCapacity", "MaxCapacity")
        made = cls(
            target=TargetKey.from_members(request),
            name=request["ScheduledActionName"],
            arn=previous.arn if previous else arn,
            schedule=Schedule.from_expression(expression, zone),
            created_at=previous.created_at if previous else now,
            least=action.get("MinCapacity"),
            most=action.get("MaxCapacity"),
            start=request.get("StartTime"),
            end=request.get("EndTime"),
        )
        made._check()
        return made

    @property
    def bounds(self) -> dict[str, object]:
        """Returns the bounds as a ScalableTargetAction."""
        return _given({"MinCapacity": self.least, "MaxCapacity": self.most})

    def is_due(self, minute: int) -> bool:
        """Returns whether the action is due in the minute that begins at an epoch second."""
        if (self.start is not None and minute + 60 <= self.start) or (self.end is not None and minute > self.end):
            return False
        return self.schedule.is_due(minute, self.start or self.created_at)

    def describe(self) -> dict[str, object]:
        """Returns the action as a ScheduledAction."""
        return {
            "ScheduledActionName": self.name,
            "ScheduledActionARN": self.arn,
            "Schedule": self.schedule.expression,
            "Timezone": self.schedule.zone,
            "ScalableTargetAction": self.bounds,
            "CreationTime": self.created_at,
            **self.target.describe(),
            **_given({"StartTime": self.start, "EndTime": self.end}),
        }

    def _check(self) -> None:
        if self.least is None and self.most is None:
            raise ValidationException("ScalableTargetAction must have a MinCapacity or a MaxCapacity")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValidationException(
                f"Maximum capacity ({self.most}) cannot be less than minimum capacity ({self.least})"
            )
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValidationException(
                f"EndTime ({_readable(self.end)}) must not be before StartTime ({_readable(self.start)})."
            )


class ScheduledActions:
    """The actions of every target by name, in the order of creation."""

    def __init__(self) -> None:
        self._known: dict[tuple[TargetKey, str], ScheduledAction] = {}

    def find(self, key: TargetKey, name: str) -> ScheduledAction | None:
        """Returns an action, or None."""
        return self._known.get((key, name))

    def check_room(self, key: TargetKey, name: str) -> None:
        """Checks that a target may have an action of a name.

        Raises:
            LimitExceededException: It would be one more than a target can have.
        """
        names = {known for target, known in self._known if target == key}
        resource_limits.check_scheduled_actions(len(names | {name}))

    def put(self, action: ScheduledAction) -> None:
        """Adds an action or replaces it."""
        self._known[action.target, action.name] = action

    def remove(self, key: TargetKey, name: str) -> None:
        """Removes an action.

        Raises:
            ObjectNotFoundException: It does not exist.
        """
        if self._known.pop((key, name), None) is None:
            raise ObjectNotFoundException(f"No scheduled action found for {key}, scheduled action name: {name}")

    def forget(self, key: TargetKey) -> None:
        """Removes a target's actions."""
        for target, name in [known for known in self._known if known[0] == key]:
            del self._known[target, name]

    def __iter__(self) -> Iterator[ScheduledAction]:
        """Yields every action."""
        return iter(tuple(self._known.values()))


def _given(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _readable(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
