"""The table `[plan]` of a stage's file: the traffic, times and prices with which a change of the stage is planned."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.durations import Durations
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.patterns import Pattern
from async_endpoint.planner.prices import PriceTable, bundled_prices, read_prices
from async_endpoint.planner.traffic import Traffic, read_arrivals

TABLE = "plan"
_Kind = tuple[tuple[type, ...], str]
_TEXT: _Kind = ((str,), "a text")
_SECONDS: _Kind = ((str, int, float), "a number of seconds or a text")
_COUNT: _Kind = ((int,), "a whole number")
_MOST_CONCURRENCY = 1_000  # of MaxConcurrentInvocationsPerInstance
_NAMES: Mapping[str, _Kind] = {
    "pattern": _TEXT,
    "arrivals": _TEXT,
    "service_seconds": _SECONDS,
    "start_seconds": _SECONDS,
    "concurrency": _COUNT,
    "price_region": _TEXT,
    "prices": _TEXT,
}


@dataclass(frozen=True, kw_only=True)
class PlanTable:
    """What a stage is planned with.

    Attributes:
        traffic: The arrivals.
        conditions: The times, and how many requests an instance processes at a time.
        prices: The table of prices.
        price_region: Whose instance prices are used; None for the stage's.
        options: The same as options of `async-endpoint plan`, for people.
    """

    traffic: Traffic
    conditions: Conditions
    prices: PriceTable
    price_region: str | None
    options: str


def read_plan_table(file: Path, root: Path) -> PlanTable | None:
    """Reads the table `[plan]` of a stage's file; None if the file has none.

    Args:
        file: `config/STAGE.toml`.
        root: The folder to which paths in the table are relative.

    Raises:
        PlanError: The file cannot be read, or something in the table cannot be planned with.
    """
    table = _read_table(file)
    if table is None:
        return None
    try:
        return _plan_table(_checked(table), root)
    except PlanError as error:
        # Paths are as the table has them: the folder is of no interest in a pull request.
        raise PlanError(f"[{TABLE}] of {file.name}: {str(error).replace(f'{root}/', '')}") from error


def read_plan_options(file: Path) -> Mapping[str, Any]:
    """Returns the values of the table `[plan]` of a stage's file, by their names in it.

    Raises:
        PlanError: The file cannot be read, has no such table, or a wrong one.
    """
    table = _read_table(file)
    if table is None:
        raise PlanError(f"{file} has no table [{TABLE}]: add it, or leave out --stage.")
    try:
        return _checked(table)
    except PlanError as error:
        raise PlanError(f"[{TABLE}] of {file.name}: {error}") from error


def _read_table(file: Path) -> Any:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")).get(TABLE)
    except OSError as error:
        raise PlanError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise PlanError(f"{file} is not TOML: {error}.") from error


def _plan_table(given: Mapping[str, Any], root: Path) -> PlanTable:
    concurrency = given.get("concurrency")
    conditions = Conditions(
        service=Durations.parse(str(given["service_seconds"])),
        start=Durations.parse(str(given["start_seconds"])),
        concurrency=concurrency,
    )
    if "arrivals" in given:
        traffic = read_arrivals(root / given["arrivals"])
    else:
        traffic = Pattern.parse(given["pattern"]).traffic(conditions.seed)
    return PlanTable(
        traffic=traffic,
        conditions=conditions,
        prices=read_prices(root / given["prices"]) if "prices" in given else bundled_prices(),
        price_region=given.get("price_region"),
        options=" ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items()),
    )


def _checked(table: Any) -> Mapping[str, Any]:
    """Returns the table in the order of `_NAMES`, once it has what a plan needs and no more."""
    if not isinstance(table, Mapping):
        raise PlanError("it is no table.")
    for name, value in table.items():
        if name not in _NAMES:
            raise PlanError(f"{name} is not a setting: choose of {', '.join(_NAMES)}.")
        types, words = _NAMES[name]
        if isinstance(value, bool) or not isinstance(value, types):
            raise PlanError(f"{name} is {value!r} and not {words}.")
    if ("pattern" in table) == ("arrivals" in table):
        raise PlanError("describe the traffic by pattern or by arrivals: one of the two.")
    for name in ("service_seconds", "start_seconds"):
        if name not in table:
            raise PlanError(f"{name} is missing: a plan has no default for it.")
    if not 1 <= table.get("concurrency", 1) <= _MOST_CONCURRENCY:
        raise PlanError(f"concurrency is {table['concurrency']} and not from 1 to {_MOST_CONCURRENCY}.")
    return {name: table[name] for name in _NAMES if name in table}
