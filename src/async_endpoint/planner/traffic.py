"""When requests arrive: from a CSV file, or drawn from a described pattern."""

from __future__ import annotations

import csv
import math
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.planner.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DAY = 86_400
# Monday, 4 January 2027: where a traffic without dates begins, so that days of the week mean something.
MONDAY = 1_799_020_800.0
_MOST_SECONDS = 366 * DAY


@dataclass(frozen=True)
class Traffic:
    """Arrivals of requests.

    Attributes:
        begins_at: Epoch seconds, a full minute.
        seconds: How long the traffic is observed, from `begins_at`.
        arrivals: Seconds from `begins_at`, ascending, each below `seconds`.
        is_dated: Whether its days have dates, and not only a place in the week.
    """

    begins_at: float
    seconds: float
    arrivals: array[float]
    is_dated: bool = False


def read_arrivals(path: Path) -> Traffic:
    """Reads the arrivals of a CSV file: the first column has an ISO time or seconds, ascending; a header is skipped.

    A time without a zone is UTC. Seconds count from the Monday at which a pattern begins, too. The traffic takes whole
    days, from midnight UTC.

    Raises:
        PlanError: The file is not readable, has no arrival, or a line is wrong, which the message names.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return traffic_from(csv.reader(file), str(path))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PlanError(f"{path} is no CSV file in UTF-8: {error}.") from error


def traffic_from(rows: Iterable[list[str]], name: str) -> Traffic:
    """Returns the traffic of a CSV file's rows; see `read_arrivals`."""
    kinds: set[str] = set()
    moments = array("d", _moments(rows, name, kinds))
    if not moments:
        raise PlanError(f"{name} has no arrival: write one in each line, as an ISO time or in seconds.")
    begins_at = math.floor(moments[0] / DAY) * DAY
    days = math.floor((moments[-1] - begins_at) / DAY) + 1
    arrivals = array("d", (moment - begins_at for moment in moments))
    return Traffic(float(begins_at), float(days * DAY), arrivals, is_dated="seconds" not in kinds)


def _moments(rows: Iterable[list[str]], name: str, kinds: set[str]) -> Iterator[float]:
    """Yields the moments; adds to the kinds what they are."""
    previous, kind = -math.inf, ""
    for number, row in enumerate(rows, start=1):
        text = row[0].strip() if row else ""
        if not text:
            continue
        found = _moment(text)
        if found is None:
            if number == 1:  # a header
                continue
            raise PlanError(
                f"{name}, line {number}: {text!r} is no time: write an ISO time, such as 2026-11-02T09:00:00Z, or "
                "seconds."
            )
        moment, this_kind = found
        if kind and kind != this_kind:
            raise PlanError(f"{name}, line {number}: {text!r} is {this_kind}, and the lines before have {kind}.")
        kind = this_kind
        kinds.add(kind)
        if moment < 0 or (this_kind == "seconds" and moment < MONDAY):
            raise PlanError(f"{name}, line {number}: {text} is negative: seconds count from 0.")
        if this_kind == "seconds" and moment - MONDAY > _MOST_SECONDS:
            raise PlanError(
                f"{name}, line {number}: {text} is more than {_MOST_SECONDS // DAY} days after the first moment, 0: "
                "write dates and epoch seconds as ISO times."
            )
        if moment < previous:
            raise PlanError(f"{name}, line {number}: {text} is earlier than the line before: sort the lines by time.")
        previous = moment
        yield moment


def _moment(text: str) -> tuple[float, str] | None:
    """Returns the epoch seconds of a text, and what it is; None if it is no time."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return (MONDAY + seconds, "seconds") if math.isfinite(seconds) else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), "an ISO time"
