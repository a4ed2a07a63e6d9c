"""Numbers as a plan's page has them."""

import math

_MINUTE, _HOUR = 60, 3_600
_SMALL = 10
_CENT = 0.01
_MANY = 1_000


def duration(seconds: float) -> str:
    """Returns a duration for people; a dash for NaN."""
    if math.isnan(seconds):
        return "-"
    if seconds < _SMALL:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE * _SMALL:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:,.0f} min" if seconds < _HOUR * _SMALL else f"{seconds / _HOUR:,.1f} h"


def width(seconds: int) -> str:
    """Returns the width of a bucket, such as `hour` or `2 minutes`."""
    for unit, size in (("day", 24 * _HOUR), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


def quantity(number: float) -> str:
    """Returns a quantity of a bill."""
    return f"{number:,.0f}" if number >= _MANY or number == round(number) else f"{number:,.1f}"


def usd(amount: float | None) -> str:
    """Returns dollars; a dash without a price."""
    if amount is None:
        return "-"
    return "< 0.01" if 0 < amount < _CENT else f"{amount:,.2f}"


def share(part: float, whole: float) -> str:
    """Returns a share in percent; a dash of nothing."""
    return f"{part / whole:.1%}" if whole else "-"
