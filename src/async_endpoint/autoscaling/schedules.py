"""When a scheduled action is due: `cron(…)`, `rate(…)` and `at(…)` expressions, in a time zone.

Source: Application Auto Scaling user guide, "Schedule recurring scaling actions using cron expressions". `L`, `W` and
`#` are not evaluated.
"""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from async_endpoint.autoscaling.errors import ValidationException

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # numbered from 1
# Of minutes, hours, days of the month, months, days of the week and years.
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_NAMES: tuple[tuple[str, ...], ...] = ((), (), (), _MONTHS, _DAYS, ())
_FORM = re.compile(r"(cron|rate|at)\((.+)\)")
_RATE = re.compile(r"([1-9]\d*) (minute|hour|day)s?")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_FIELDS = 6
# The last day, the weekday nearest to a day, and the third Friday of a month.
_NOT_EVALUATED = re.compile(r"L|L-\d+|LW|\d+W|(\d|[A-Z]{3})L|(\d|[A-Z]{3})#\d", re.IGNORECASE)


@dataclass(frozen=True)
class Schedule:
    """A parsed expression; exactly one of `fields`, `every` and `once` is given.

    Attributes:
        expression: The text of the request.
        zone: The time zone's name, UTC by default.
        fields: Of cron: the numbers that each field allows, None for all.
        every: Of rate: seconds.
        once: Of at: epoch seconds.
    """

    expression: str
    zone: str
    fields: tuple[frozenset[int] | None, ...] | None = None
    every: int | None = None
    once: float | None = None

    @classmethod
    def from_expression(cls, expression: str, zone: str | None) -> Self:
        """Parses an expression.

        Raises:
            ValidationException: The text is no expression, or the time zone is unknown.
        """
        try:
            place = zoneinfo.ZoneInfo(zone or "UTC")
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise ValidationException(f"The timezone '{zone}' is not one of the IANA time zone database.") from error
        match = _FORM.fullmatch(expression)
        try:
            if match is not None and match[1] == "cron":
                return cls(expression, place.key, fields=_cron(match[2].split()))
            if match is not None and match[1] == "rate" and (rate := _RATE.fullmatch(match[2])):
                return cls(expression, place.key, every=int(rate[1]) * _SECONDS[rate[2]])
            if match is not None and match[1] == "at":
                moment = datetime.strptime(match[2], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=place)
                return cls(expression, place.key, once=moment.timestamp())
        except ValueError as error:
            raise ValidationException(f"The schedule '{expression}' cannot be used: {error}.") from error
        raise ValidationException(
            f"The schedule '{expression}' cannot be used: give cron(minutes hours day-of-month month day-of-week year),"
            " rate(value unit) or at(yyyy-mm-ddThh:mm:ss)."
        )

    def is_due(self, minute: int, start: float) -> bool:
        """Returns whether the action is due in the minute that begins at an epoch second.

        `start` is when a rate begins to count, in epoch seconds.
        """
        if self.once is not None:
            return minute <= self.once < minute + 60
        if self.every is not None:
            first = int(start // 60) * 60
            return minute > first and (minute - first) % self.every == 0
        at = datetime.fromtimestamp(minute, UTC).astimezone(zoneinfo.ZoneInfo(self.zone))
        values = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7 + 1, at.year)
        return all(
            allowed is None or value in allowed for allowed, value in zip(self.fields or (), values, strict=True)
        )


def _cron(fields: list[str]) -> tuple[frozenset[int] | None, ...]:
    if len(fields) != _FIELDS:
        raise ValueError(f"cron takes {_FIELDS} fields, not {len(fields)}")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?")
    return tuple(_allowed(text, index) for index, text in enumerate(fields))


def _allowed(text: str, index: int) -> frozenset[int] | None:
    """Returns the numbers that one field allows; None for all."""
    if text in {"*", "?"}:
        return None
    low, high = _RANGES[index]
    found: set[int] = set()
    for part in text.split(","):
        if _NOT_EVALUATED.fullmatch(part):
            raise ValueError(f"'{part}' holds L, W or #, which the local AWS does not evaluate")
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, index)
            last = _number(end, index) if dash else (high if step else first)
        stride = _whole(step) if step else 1
        if stride < 1:
            raise ValueError(f"'{part}' has no positive step")
        # A range of days may cross the week's end.
        width = last - first if last >= first else last - first + high - low + 1
        found |= {low + (first - low + offset) % (high - low + 1) for offset in range(0, width + 1, stride)}
    return frozenset(found)


def _number(text: str, index: int) -> int:
    names, (low, high) = _NAMES[index], _RANGES[index]
    number = names.index(text.upper()) + 1 if text.upper() in names else _whole(text)
    if not low <= number <= high:
        raise ValueError(f"{number} is not from {low} to {high}")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"'{text}' is neither a number nor a name of the field")
    return int(text)
