"""The options of `async-endpoint plan` that a stage's file has: its table `[plan]`."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from async_endpoint.planner import PlanError, read_plan_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CONFIG = Path("config")
_TRAFFIC = ("pattern", "arrivals")
# The parameters that have another name, or another type, than the setting.
_READ_AS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "arrivals": ("arrivals", Path),
    "service_seconds": ("service_texts", lambda value: (str(value),)),
    "start_seconds": ("start_seconds", str),
    "prices": ("prices_file", Path),
}

stage_option = click.option(
    "--stage",
    metavar="NAME",
    help="The stage: the table [plan] of config/NAME.toml has what is not given. With --compare, its stack "
    "async-endpoint-NAME-workflow instead.",
)


def with_stage_table(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command what the table of its `--stage` has, where the caller did not say it."""

    @wraps(command)
    def filled(**given: Any) -> None:
        if given["stage"] is not None and given["compare_since"] is None:
            try:
                given |= _from_table(given, read_plan_options(_CONFIG / f"{given['stage']}.toml"))
            except PlanError as error:
                raise click.UsageError(str(error)) from error
            click.get_current_context().params.update(given)  # a report says with what it was planned
        command(**given)

    return filled


def _from_table(given: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters that a table sets: those without a value, neither given nor varied by --sweep."""
    said = {sweep.partition("=")[0] for sweep in given["sweeps"]}
    if any(given[name] is not None for name in _TRAFFIC):
        said.update(_TRAFFIC)
    found: dict[str, Any] = {}
    for name, value in table.items():
        parameter, read = _READ_AS.get(name, (name, None))
        if name not in said and not given[parameter]:
            found[parameter] = read(value) if read else value
    return found
