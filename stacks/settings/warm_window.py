"""The settings of the hours in which instances are kept warm."""

import re
import zoneinfo
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import SettingsError, advice, allowed, matching

WEEK: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY = f"({'|'.join(WEEK)})"


def _check_time_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError("This is not the name of a time zone.")
    return name


Days = Annotated[str, matching(rf"{_DAY}([,-]{_DAY})*", "days, such as MON-FRI or SAT,SUN")]
TimeOfDay = Annotated[str, matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, such as 08:00")]
TimeZone = Annotated[
    str,
    AfterValidator(_check_time_zone),
    Field(json_schema_extra=allowed("the name of a time zone, such as Asia/Tokyo or UTC")),
]
WindowName = Annotated[str, matching(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name, such as office-hours")]


class WarmWindow(Section):
    """Hours of certain days in which some instances run, with or without work."""

    table: ClassVar[str] = "scaling.warm_windows"

    name: WindowName = Field(description="Prefix of the names of the window's two scheduled actions.")
    days: Days = Field("MON-FRI", description="Days on which the window opens: single days and ranges.")
    start: TimeOfDay = Field(description="When the window opens. Instances are ready some minutes later.")
    end: TimeOfDay = Field(
        description="When the window closes, later on the same day. Instances without work then stop as usual."
    )
    time_zone: TimeZone = Field(
        "UTC", description="Time zone of both times, an IANA name. Daylight saving time is followed."
    )
    min_instances: int = Field(
        1,
        ge=1,
        le=1000,
        json_schema_extra=advice("instances that are kept in these hours"),
        description="Instances that are kept in these hours: more than `scaling.min_instances`, and not more than "
        "`scaling.max_instances`.",
    )

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        """Checks that the window ends after it starts."""
        if self.end <= self.start:
            raise SettingsError(
                f'{self.qualified("end")} is "{self.end}" and start "{self.start}"; a window ends on the day on which '
                "it starts: take a later end, or two windows for a night."
            )
        return self

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
        """Whether both are open at some time; windows of two time zones count as overlapping if they share a day."""
        if not self.weekdays & other.weekdays:
            return False
        return self.time_zone != other.time_zone or (self.start <= other.end and other.start <= self.end)
