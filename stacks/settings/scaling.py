"""The settings of scaling, and of the hours in which the endpoint is kept warm."""

import re
import zoneinfo
from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.settings.base import Section, TablesOf
from stacks.settings.fields import YES_OR_NO, OneOf, SettingsError, Text, WholeNumber

AWS = "aws"
RESPONSIVE = "responsive"
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_TIME = Text(r"([01]\d|2[0-3]):[0-5]\d", "a time of day, as 08:00")
_DAY = "|".join(WEEK)


@dataclass(frozen=True)
class _TimeZone:
    def problem(self, value: object) -> str | None:
        if isinstance(value, str) and value in zoneinfo.available_timezones():
            return None
        return "it must be the name of a time zone, as Asia/Tokyo or UTC"


@dataclass(frozen=True, kw_only=True)
class WarmWindow(Section):
    """Hours of certain days in which some instances run, whether there is work or not."""

    table: ClassVar[str] = "scaling.warm_windows"

    name: Annotated[str, Text(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name, as office-hours")]
    days: Annotated[str, Text(rf"({_DAY})([,-]({_DAY}))*", "days, as MON-FRI or SAT,SUN")] = "MON-FRI"
    start: Annotated[str, _TIME]
    end: Annotated[str, _TIME]
    time_zone: Annotated[str, _TimeZone()] = "UTC"
    min_instances: Annotated[int, WholeNumber(1, 1000, "instances that are kept in these hours")] = 1

    def __post_init__(self) -> None:
        """Checks the fields, and that the window ends after it starts."""
        super().__post_init__()
        if self.end <= self.start:
            raise SettingsError(
                f'{self.qualified("end")} is "{self.end}" and start "{self.start}"; a window ends on the day on which '
                "it starts: take a later end, or two windows for a night."
            )

    @property
    def weekdays(self) -> frozenset[int]:
        """The days as numbers, Monday 0; a range may run over the week's end."""
        found: set[int] = set()
        for part in re.split(",", self.days):
            first, *last = (WEEK.index(name) for name in part.split("-"))
            until = last[-1] if last else first
            found |= {day % len(WEEK) for day in range(first, until + (len(WEEK) if until < first else 0) + 1)}
        return frozenset(found)

    def overlaps(self, other: "WarmWindow") -> bool:
        """Whether both are open at some time; windows of two time zones are taken to be when they share a day."""
        if not self.weekdays & other.weekdays:
            return False
        return self.time_zone != other.time_zone or (self.start <= other.end and other.start <= self.end)


@dataclass(frozen=True, kw_only=True)
class ScalingSettings(Section):
    """How many instances run, and how fast that changes."""

    table: ClassVar[str] = "scaling"

    enabled: Annotated[bool, YES_OR_NO] = True
    preset: Annotated[str, OneOf((RESPONSIVE, AWS))] = RESPONSIVE
    min_instances: Annotated[int, WholeNumber(0, 1000)] = 0
    max_instances: Annotated[int, WholeNumber(1, 1000, "at 0 nothing would ever be read")] = 2
    backlog_per_instance: Annotated[int, WholeNumber(1, 100_000, "waiting requests that one instance is to have")] = 5
    scale_out_cooldown_seconds: Annotated[int, WholeNumber(0, 86_400)] = 300
    scale_in_cooldown_seconds: Annotated[int, WholeNumber(0, 86_400)] = 300
    wake_cooldown_seconds: Annotated[
        int, WholeNumber(0, 86_400, "for less than 900 the alarm, late to end, may start further instances")
    ] = 900
    idle_utilization_percent: Annotated[
        int, WholeNumber(1, 100, "of all virtual CPUs together, or of a GPU; below it, nothing is computed")
    ] = 20
    # Off unless asked for: a request that a client sent directly shows nowhere until it has ended.
    hard_stop: Annotated[bool, YES_OR_NO] = False
    warm_windows: Annotated[tuple[WarmWindow, ...], TablesOf(WarmWindow, most=10)] = ()

    @property
    def highest_floor(self) -> int:
        """The most instances that are ever kept without work."""
        return max([self.min_instances, *(window.min_instances for window in self.warm_windows)])

    def __post_init__(self) -> None:
        """Checks the fields, that the range is one, and that the windows fit into it and beside each other."""
        super().__post_init__()
        if self.min_instances > self.max_instances:
            raise SettingsError(
                f"scaling.min_instances is {self.min_instances} and scaling.max_instances {self.max_instances}; "
                "the smaller must not exceed the larger: lower min_instances or raise max_instances."
            )
        if self.warm_windows and not self.enabled:
            raise SettingsError(
                "scaling.warm_windows are given and scaling.enabled is false; only scaling opens and closes them: set "
                "enabled = true or take them out."
            )
        for index, window in enumerate(self.warm_windows):
            if not self.min_instances < window.min_instances <= self.max_instances:
                raise SettingsError(
                    f"{window.qualified('min_instances')} of {window.name} is {window.min_instances}; it must be above "
                    f"scaling.min_instances, {self.min_instances}, and not above scaling.max_instances, "
                    f"{self.max_instances}: outside that range the window would change nothing or be refused."
                )
            for other in self.warm_windows[:index]:
                if window.name == other.name:
                    raise SettingsError(f'scaling.warm_windows has two windows named "{window.name}": rename one.')
                if window.overlaps(other):
                    raise SettingsError(
                        f"scaling.warm_windows {other.name} and {window.name} overlap or touch; the end of the one "
                        "would close the other: part them, or make them one."
                    )
