"""Scheduled actions: at given times a target gets other bounds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from async_endpoint.scaling import members
from async_endpoint.scaling.errors import ObjectNotFoundException, ValidationException
from async_endpoint.scaling.members import Members
from async_endpoint.scaling.schedules import Schedule
from async_endpoint.scaling.targets import TargetKey


@dataclass(frozen=True)
class ScheduledAction:
    """One action; times are in epoch seconds, `least` and `most` instance counts, None where they stay as they are."""

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
    def from_members(cls, request: Members, arn: str, now: float, previous: Self | None = None) -> Self:
        """Build an action from PutScheduledAction's members; what an update leaves out stays as it was.

        Raises:
            ValidationException: A member is missing or wrong.
        """
        action = members.optional_structure(request, "ScalableTargetAction")
        expression = members.optional_text(request, "Schedule")
        zone = members.optional_text(request, "Timezone")
        if previous is None and (action is None or expression is None):
            raise ValidationException("Schedule and ScalableTargetAction must be specified for a new scheduled action")
        least = (
            previous.least if action is None and previous else members.optional_whole(action or {}, "MinCapacity", 0)
        )
        most = previous.most if action is None and previous else members.optional_whole(action or {}, "MaxCapacity", 0)
        if least is None and most is None:
            raise ValidationException("ScalableTargetAction must have a MinCapacity or a MaxCapacity")
        if least is not None and most is not None and least > most:
            raise ValidationException(f"Maximum capacity ({most}) cannot be less than minimum capacity ({least})")
        schedule = previous.schedule if expression is None and previous else Schedule.parse(str(expression), zone)
        return cls(
            target=TargetKey.from_members(request),
            name=members.text(request, "ScheduledActionName"),
            arn=previous.arn if previous else arn,
            schedule=schedule,
            created_at=previous.created_at if previous else now,
            least=least,
            most=most,
            start=_moment(request, "StartTime", previous.start if previous else None),
            end=_moment(request, "EndTime", previous.end if previous else None),
        )

    def is_due(self, minute: int) -> bool:
        """Tell whether it is due in the minute that begins at an epoch second."""
        if (self.start is not None and minute + 60 <= self.start) or (self.end is not None and minute > self.end):
            return False
        return self.schedule.is_due(minute, self.start or self.created_at)

    def describe(self) -> dict[str, object]:
        """Return it as a ScheduledAction."""
        bounds = {"MinCapacity": self.least, "MaxCapacity": self.most}
        times = {"StartTime": self.start, "EndTime": self.end}
        return {
            "ScheduledActionName": self.name,
            "ScheduledActionARN": self.arn,
            "Schedule": self.schedule.expression,
            "Timezone": self.schedule.zone,
            "ScalableTargetAction": {name: value for name, value in bounds.items() if value is not None},
            "CreationTime": self.created_at,
            **self.target.describe(),
            **{name: value for name, value in times.items() if value is not None},
        }


class ScheduledActions:
    """The actions of every target by name, in the order of their making."""

    def __init__(self) -> None:
        self._known: dict[tuple[TargetKey, str], ScheduledAction] = {}

    def find(self, key: TargetKey, name: str) -> ScheduledAction | None:
        """Return an action, or None."""
        return self._known.get((key, name))

    def put(self, action: ScheduledAction) -> None:
        """Add an action or replace it."""
        self._known[action.target, action.name] = action

    def remove(self, key: TargetKey, name: str) -> None:
        """Remove an action.

        Raises:
            ObjectNotFoundException: It does not exist.
        """
        if self._known.pop((key, name), None) is None:
            raise ObjectNotFoundException(f"No scheduled action found for {key}, scheduled action name: {name}")

    def forget(self, key: TargetKey) -> None:
        """Remove a target's actions."""
        for target, name in [known for known in self._known if known[0] == key]:
            del self._known[target, name]

    def __iter__(self) -> Iterator[ScheduledAction]:
        """Go through all actions."""
        return iter(tuple(self._known.values()))


def _moment(request: Members, name: str, before: float | None) -> float | None:
    """A point in time as epoch seconds; as an API call or a template carries it."""
    value = request.get(name)
    if value is None:
        return before
    timestamp = getattr(value, "timestamp", None)
    return float(timestamp()) if timestamp else members.number(request, name)
