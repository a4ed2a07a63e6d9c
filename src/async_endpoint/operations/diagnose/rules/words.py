"""Small words for findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.counted import counted

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["counted", "cut", "lasting", "show_log"]

_SHOWN = 240
_LAST_HOUR = "--start-time $(( ($(date +%s) - 3600) * 1000 )) --query 'events[].message' --output text"


def lasting(time: timedelta) -> str:
    """Returns a time in its largest unit, such as `12 minutes`."""
    seconds = max(0, int(time.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def cut(text: str, length: int = _SHOWN) -> str:
    """Returns the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def show_log(group: str) -> str:
    """Returns the command that prints the last hour of a log group, with either version of the AWS CLI."""
    return f"aws logs filter-log-events --log-group-name {group} {_LAST_HOUR}"
