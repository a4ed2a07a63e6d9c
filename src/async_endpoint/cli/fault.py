"""`async-endpoint local fault`: have a running local AWS do something wrong, repeatably."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from async_endpoint.cli.state_dir import running_in, state_dir_option
from async_endpoint.emulator.faults.fault_responses import SERVICES
from async_endpoint.emulator.faults.faults import DEFAULT_SLOW_SECONDS, DEFAULT_STALLED_SECONDS, FaultError
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.launcher import state_dir_arguments
from async_endpoint.emulator.loopback import NoResponse

_RATE = click.FloatRange(0, 1, min_open=True)
_COUNT = click.IntRange(1)

rate_option = click.option("--rate", type=_RATE, default=1.0, show_default=True, help="The chance of each call.")
count_option = click.option("--count", type=_COUNT, help="End after so many strikes.  [default: never]")
instance_type_option = click.option("--instance-type", help="Of this type only, ml.g4dn.xlarge say.  [default: of all]")
endpoint_option = click.option("--endpoint", help="Of this endpoint only.  [default: of all]")


@click.group()
def fault() -> None:
    """Have the local AWS do something wrong. The same seed, switches and calls bring the same faults."""


@fault.command()
@state_dir_option
@click.argument("service", type=click.Choice(SERVICES))
@click.option("--operation", help="This operation only, PutObject say.  [default: all]")
@click.option("--throttle", is_flag=True, help="Refuse as too many calls, and not as broken.")
@rate_option
@count_option
def errors(
    state_dir: Path,
    service: str,
    operation: str | None,
    rate: float,
    count: int | None,
    *,
    throttle: bool,
) -> None:
    """Refuse calls of SERVICE, those of the local AWS's own endpoints included."""
    kind = "throttle" if throttle else "error"
    _add(state_dir, kind, service=service, operation=operation, rate=rate, count=count)


@fault.command()
@state_dir_option
@endpoint_option
@rate_option
@click.option("--count", type=_COUNT, default=1, show_default=True, help="End after so many strikes.")
def kill(state_dir: Path, endpoint: str | None, rate: float, count: int) -> None:
    """Kill an instance's container (SIGKILL) while it works on the next request that is handed to it."""
    _add(state_dir, "kill", endpoint=endpoint, rate=rate, count=count)


@fault.command("slow-start")
@state_dir_option
@endpoint_option
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_SLOW_SECONDS,
    show_default=True,
    help="By how much, on AWS's clock.",
)
@rate_option
@count_option
def slow_start(state_dir: Path, endpoint: str | None, seconds: float, rate: float, count: int | None) -> None:
    """Have instances come up late."""
    _add(state_dir, "slow-start", endpoint=endpoint, seconds=seconds, rate=rate, count=count)


@fault.command("no-capacity")
@state_dir_option
@instance_type_option
@rate_option
@count_option
def no_capacity(state_dir: Path, instance_type: str | None, rate: float, count: int | None) -> None:
    """Refuse instances at once: InsufficientInstanceCapacity."""
    _add(state_dir, "no-capacity", instance_type=instance_type, rate=rate, count=count)


@fault.command("stalled-capacity")
@state_dir_option
@instance_type_option
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_STALLED_SECONDS,
    show_default=True,
    help="How long each instance is awaited, on AWS's clock.",
)
@rate_option
@count_option
def stalled_capacity(
    state_dir: Path, instance_type: str | None, seconds: float, rate: float, count: int | None
) -> None:
    """Have instances awaited that never come.

    A change of capacity stays in progress all that time; then the endpoint is InService at the old count, without a
    reason. A creation or an update fails then, for InsufficientInstanceCapacity.
    """
    _add(state_dir, "stalled-capacity", instance_type=instance_type, seconds=seconds, rate=rate, count=count)


@fault.command()
@state_dir_option
@click.argument("how", type=click.Choice(["drop", "double", "reorder"]))
@endpoint_option
@rate_option
@count_option
def notifications(state_dir: Path, how: str, endpoint: str | None, rate: float, count: int | None) -> None:
    """Drop, double or reorder SageMaker's notifications."""
    _add(state_dir, how, endpoint=endpoint, rate=rate, count=count)


@fault.command("list")
@state_dir_option
def list_command(state_dir: Path) -> None:
    """Show what is switched on, and how often it has struck."""
    with _faults(state_dir) as faults:
        found = faults.describe()
    table = Table("number", "fault", "struck", title=f"Faults, seed {found['seed']}")
    for item in found["faults"]:
        what = ", ".join(f"{name}={value}" for name, value in item.items() if name not in ("number", "struck"))
        table.add_row(str(item["number"]), what, str(item["struck"]))
    Console().print(table if found["faults"] else f"Nothing is switched on (seed {found['seed']}).")


@fault.command()
@state_dir_option
@click.option("--seed", type=int, help="Draw what comes next from this seed.  [default: the same again]")
def clear(state_dir: Path, seed: int | None) -> None:
    """Switch everything off."""
    with _faults(state_dir) as faults:
        faults.clear(seed)
    click.echo("Nothing is switched on any more.")


def _add(state_dir: Path, kind: str, **members: str | float | None) -> None:
    with _faults(state_dir) as faults:
        number = faults.add(kind, **members)
    clear = f"async-endpoint local fault clear{state_dir_arguments(state_dir)}"
    click.echo(f"Fault {number} is switched on; `{clear}` switches all off.")


@contextmanager
def _faults(state_dir: Path) -> Iterator[FaultClient]:
    """The faults of the local AWS in a folder; what goes wrong with them is said in a sentence."""
    try:
        yield running_in(state_dir).faults
    except (FaultError, NoResponse) as error:
        raise click.ClickException(str(error)) from error
