"""`async-endpoint plan --sweep`: simulates the configurations of a stage, and compares them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.counter import CountBar
from async_endpoint.planner import PlanError, configurations, parse_sweep, rank, simulate_all
from async_endpoint.planner.ranking import Ranked
from async_endpoint.planner.sweep import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from async_endpoint.planner import Bill, Conditions, Outcome, ServiceTimes, Stage, Traffic

_SECONDS = {"": 1, "s": 1, "min": 60, "h": 3_600}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|)")


class _Length(click.ParamType[float]):
    """A length of time in seconds, such as 90 or 10min."""

    name = "length"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _LENGTH.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a length of time: write seconds, or 10min, or 2h.", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


LENGTH = _Length()


@dataclass(frozen=True)
class SweepResult:
    """Configurations that were compared, and those that are impossible.

    Attributes:
        stage: The stage as its templates have it.
        ranked: The configurations, the cheapest first.
        left_out: Sentences on those that no synth would make.
    """

    stage: Stage
    ranked: list[Ranked]
    left_out: list[str]


def run_sweep(
    stage: Stage,
    texts: tuple[str, ...],
    traffic: Traffic,
    *,
    conditions: Conditions,
    services: ServiceTimes,
    bill: Callable[[Stage, Outcome], Bill],
    one_price: bool,
) -> SweepResult:
    """Simulates every combination of the values of `--sweep`.

    Args:
        stage: The stage as its templates have it.
        texts: The values of `--sweep`.
        traffic: The traffic.
        conditions: What is assumed.
        services: The service time of each type.
        bill: Returns the bill of a simulated stage.
        one_price: Whether the bill has the same price for every instance type.

    Raises:
        PlanError: See `configurations`.
    """
    sweep = parse_sweep(texts)
    if CONCURRENCY in sweep and conditions.concurrency is not None:
        raise PlanError("--concurrency is one number, and --sweep varies it: leave it out.")
    found = configurations(stage, sweep, conditions, services)
    types = {each.stage.instance_type for each in found.possible}
    services.check_used(types | {stage.instance_type})
    if one_price and len(types) > 1:
        raise PlanError("--instance-price is the price of one type, and --sweep varies the type: leave it out.")
    with _progress(len(found.possible)) as done:
        outcomes = simulate_all([(each.stage, each.conditions) for each in found.possible], traffic, done=done)
    ranked = [
        Ranked(each, outcome, bill(each.stage, outcome)) for each, outcome in zip(found.possible, outcomes, strict=True)
    ]
    return SweepResult(stage, rank(ranked), found.left_out)


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on stderr if that is a terminal; gives what is called with the number of simulated configurations."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    bar = CountBar(console, "simulated")
    simulated = 0

    def done(more: int) -> None:
        nonlocal simulated
        simulated += more
        bar.show(simulated, None)

    bar.start(count)
    try:
        yield done
    finally:
        bar.stop()
