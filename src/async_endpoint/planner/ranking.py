"""Which of several simulated configurations are worth choosing: by dollars a month and the wait's 95th percentile."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from async_endpoint.counted import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.planner.bill import Bill
    from async_endpoint.planner.outcome import Outcome
    from async_endpoint.planner.sweep import Configuration

# So many requests that still wait at the end are those of its last moments; more are a queue that only grows.
_UNFINISHED_SHARE = 0.01


@dataclass(frozen=True)
class Ranked:
    """A simulated configuration.

    Attributes:
        configuration: The configuration.
        outcome: What was simulated.
        bill: Its bill.
        on_front: Whether no other configuration is cheaper and not slower, or faster and not dearer.
    """

    configuration: Configuration
    outcome: Outcome
    bill: Bill
    on_front: bool = False

    @property
    def p95(self) -> float:
        """The 95th percentile of the waits, in seconds."""
        return self.outcome.wait_percentiles(95)[0]

    @property
    def not_compared(self) -> str | None:
        """Why the configuration cannot be compared with others; None if it can."""
        outcome = self.outcome
        if not self.bill.is_complete:
            return "its instances have no price"
        if outcome.expired:
            return f"{counted(outcome.expired, 'request')} expired, and waits are of the others"
        if outcome.unfinished > outcome.requests * _UNFINISHED_SHARE:
            return f"{counted(outcome.unfinished, 'request')} still waited at the end, and waits are of the others"
        return "no request was processed" if math.isnan(self.p95) else None


def rank(found: Sequence[Ranked]) -> list[Ranked]:
    """Returns configurations by dollars a month, those without a price last, with the Pareto front marked.

    One that cannot be compared is never on the front.
    """
    compared = [(each.bill.total, each.p95) for each in found if each.not_compared is None]
    marked = [
        replace(each, on_front=each.not_compared is None and not any(_beats(other, each) for other in compared))
        for each in found
    ]
    return sorted(marked, key=lambda each: (not each.bill.is_complete, each.bill.total))


def cheapest_within(found: Sequence[Ranked], seconds: float) -> Ranked | None:
    """Returns the cheapest configuration that can be compared and has a p95 of at most so many seconds."""
    within = (each for each in found if each.not_compared is None and each.p95 <= seconds)
    return min(within, key=lambda each: (each.bill.total, each.p95), default=None)


def fastest(found: Sequence[Ranked]) -> Ranked | None:
    """Returns the configuration with the least p95 of those that can be compared, of equal ones the cheapest."""
    compared = (each for each in found if each.not_compared is None)
    return min(compared, key=lambda each: (each.p95, each.bill.total), default=None)


def _beats(other: tuple[float, float], one: Ranked) -> bool:
    usd, p95 = one.bill.total, one.p95
    return other[0] <= usd and other[1] <= p95 and other != (usd, p95)
