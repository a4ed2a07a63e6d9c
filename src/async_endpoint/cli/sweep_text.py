"""The output of `async-endpoint plan --sweep`: a row for each configuration, or JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from async_endpoint.cli.plan_text import Plan, notes_of, plan_json, price_dates, total_of
from async_endpoint.counted import counted
from async_endpoint.operations.plan_report.texts import duration
from async_endpoint.planner.ranking import cheapest_within, fastest
from async_endpoint.planner.sweep import CONCURRENCY, as_toml, changes, short_name, toml_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.cli.plan_sweep import SweepResult
    from async_endpoint.planner import PriceTable
    from async_endpoint.planner.ranking import Ranked

_FIGURES = ("USD a month", "instance hours", "wait p50", "wait p95", "expired", "front")


def sweep_lines(
    found: SweepResult, prices: PriceTable, within: float | None, *, as_json: bool
) -> tuple[bool, list[str]]:
    """Returns whether a configuration is within the limit, and what to print.

    Args:
        found: The configurations.
        prices: The table of prices.
        within: The limit of the wait's p95 in seconds; None without one.
        as_json: Whether to print JSON.
    """
    if as_json:
        chosen = None if within is None else cheapest_within(found.ranked, within)
        return within is None or chosen is not None, [_json(found, prices, within, chosen)]
    lines = list(_table(found, prices))
    if within is None:
        return True, lines
    reached, answer = _cheapest_lines(found, within)
    return reached, [*lines, "", *answer]


def _table(found: SweepResult, prices: PriceTable) -> Iterator[str]:
    """Yields the lines of the table, the cheapest configuration first, and what is to be known of it."""
    varied = list(found.ranked[0].configuration.values)
    rows = [[*map(short_name, varied), *_FIGURES], *(_row(each) for each in found.ranked)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        # What is varied on the left, numbers on the right.
        cells = [
            cell.ljust(width) if index < len(varied) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield ""
    yield "*: no other of these is cheaper and not slower, or faster and not dearer, by USD a month and wait p95."
    yield from _reasons(found)
    yield from _notes(found)
    yield f"{prices.describe_dates()}; a month has 30 days. Simulated: nothing was measured on AWS."


def _json(found: SweepResult, prices: PriceTable, within: float | None, chosen: Ranked | None) -> str:
    report: dict[str, Any] = {
        **price_dates(prices),
        "plans": [_configuration_json(each, found) for each in found.ranked],
        "left_out": found.left_out,
    }
    if within is not None:
        report["p95_within_seconds"] = within
        report["cheapest_within"] = None if chosen is None else dict(chosen.configuration.values)
    return json.dumps(report, indent=2)


def _cheapest_lines(found: SweepResult, seconds: float) -> tuple[bool, list[str]]:
    """Returns whether a configuration is within a limit of the wait's p95, and what to say of the cheapest one.

    With the lines of the stage's file that would have to change; without one within the limit, the nearest one.
    """
    limit = duration(seconds)
    chosen = cheapest_within(found.ranked, seconds)
    if chosen is None:
        nearest = fastest(found.ranked)
        if nearest is None:
            return False, [f"None has a wait p95 within {limit}: no configuration can be compared."]
        return False, [f"None has a wait p95 within {limit}. The nearest is {_described(nearest)}."]
    lines = [f"The cheapest with a wait p95 within {limit} is {_described(chosen)}."]
    values = chosen.configuration.values
    if CONCURRENCY in values:
        lines.append(
            f"It holds if an instance really processes {counted(int(values[CONCURRENCY]), 'request')} at a time, with "
            "that service time."
        )
    changed = changes(found.stage, values)
    if changed:
        lines += ["In the stage's file:", "", *toml_lines(changed)]
    else:
        lines.append("The stage's file has these settings already.")
    return True, lines


def _described(one: Ranked) -> str:
    return f"{one.configuration.name}: {one.bill.total:,.2f} USD a month, p95 {duration(one.p95)}"


def _row(one: Ranked) -> list[str]:
    outcome = one.outcome
    p50, p95 = outcome.wait_percentiles(50, 95)
    values = [as_toml(value, quoted=False) for value in one.configuration.values.values()]
    hours = f"{next(line.quantity for line in one.bill.lines):,.1f}"
    mark = "*" if one.on_front else ("-" if one.not_compared else "")
    return [*values, total_of(one.bill), hours, duration(p50), duration(p95), f"{outcome.expired:,}", mark]


def _reasons(found: SweepResult) -> Iterator[str]:
    for each in found.ranked:
        if each.not_compared:
            yield f"-: {each.configuration.name} is not compared: {each.not_compared}."
    yield from (f"Left out, because the synth would reject it: {sentence}." for sentence in found.left_out)


def _notes(found: SweepResult) -> Iterator[str]:
    """Yields each note once, with the configurations that it is about unless it is about all."""
    about: defaultdict[str, list[str]] = defaultdict(list)
    for each in found.ranked:
        for note in notes_of(_plan(each)):
            about[note].append(each.configuration.name)
    for note, names in about.items():
        yield note if len(names) == len(found.ranked) else f"{'; '.join(names)}: {note}"


def _plan(one: Ranked) -> Plan:
    configuration = one.configuration
    assumed = None if configuration.conditions.concurrency else configuration.stage.concurrency
    return Plan(configuration.name, configuration.stage, one.outcome, one.bill, assumed)


def _configuration_json(one: Ranked, found: SweepResult) -> dict[str, Any]:
    values = dict(one.configuration.values)
    return {
        **plan_json(_plan(one)),
        "settings": values,
        "changes": changes(found.stage, values),
        "pareto": one.on_front,
        "not_compared": one.not_compared,
    }
