"""`async-endpoint local fault`: inject faults into a running local AWS, reproducibly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from async_endpoint.cli.local_options import running_in, state_dir_option
from async_endpoint.emulator.faults.fault_responses import SERVICES
from async_endpoint.emulator.faults.faults import DEFAULT_SLOW_SECONDS, DEFAULT_STALLED_SECONDS, Fault, FaultError
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.launcher import state_dir_arguments
from async_endpoint.emulator.loopback import NoResponse

_RATE = click.FloatRange(0, 1, min_open=True)
_COUNT = click.IntRange(1)

rate_option = click.option(
    "--rate", type=_RATE, default=1.0, show_default=True, help="The fault's probability for each call."
)
count_option = click.option("--count", type=_COUNT, help="Stop after this many faults.  [default: never]")
instance_type_option = click.option(
    "--instance-type", metavar="TYPE", help="For this type only, such as ml.g5.xlarge.  [default: all]"
)
endpoint_option = click.option("--endpoint", metavar="NAME", help="For this endpoint only.  [default: all]")


@click.group()
def fault() -> None:
    """Inject faults into the local AWS. The same seed, options and calls cause the same faults."""


@fault.command()
@state_dir_option
@click.argument("service", metavar="SERVICE", type=click.Choice(SERVICES))
@click.option("--operation", metavar="NAME", help="For this operation only, such as PutObject.  [default: all]")
@click.option("--throttle", is_flag=True, help="Return throttling errors instead of internal errors.")
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
    """Return errors from SERVICE: s3, sns, dynamodb, sqs or sagemaker-runtime.

    The local AWS's own endpoints get them too.

    \b
    async-endpoint local fault errors s3 --operation PutObject --rate 0.05
    async-endpoint local fault errors sagemaker-runtime --throttle --count 10

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    kind = "throttle" if throttle else "error"
    _add(state_dir, kind, service=service, operation=operation, rate=rate, count=count)


@fault.command()
@state_dir_option
@endpoint_option
@rate_option
@click.option("--count", type=_COUNT, default=1, show_default=True, help="Stop after this many faults.")
def kill(state_dir: Path, endpoint: str | None, rate: float, count: int) -> None:
    """Kill a container while it processes its next request.

    \b
    async-endpoint local fault kill --endpoint donut-async-dev

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _add(state_dir, "kill", endpoint=endpoint, rate=rate, count=count)


@fault.command("slow-start")
@state_dir_option
@endpoint_option
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_SLOW_SECONDS,
    show_default=True,
    help="The delay, on AWS's clock.",
)
@rate_option
@count_option
def slow_start(state_dir: Path, endpoint: str | None, seconds: float, rate: float, count: int | None) -> None:
    """Delay the start of instances.

    \b
    async-endpoint local fault slow-start --seconds 600

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _add(state_dir, "slow-start", endpoint=endpoint, seconds=seconds, rate=rate, count=count)


@fault.command("no-capacity")
@state_dir_option
@instance_type_option
@rate_option
@count_option
def no_capacity(state_dir: Path, instance_type: str | None, rate: float, count: int | None) -> None:
    """Reject new instances with InsufficientInstanceCapacity.

    \b
    async-endpoint local fault no-capacity --instance-type ml.g4dn.xlarge --count 3

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _add(state_dir, "no-capacity", instance_type=instance_type, rate=rate, count=count)


@fault.command("stalled-capacity")
@state_dir_option
@instance_type_option
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT_STALLED_SECONDS,
    show_default=True,
    help="How long SageMaker waits for each instance, on AWS's clock.",
)
@rate_option
@count_option
def stalled_capacity(
    state_dir: Path, instance_type: str | None, seconds: float, rate: float, count: int | None
) -> None:
    """Keep new instances pending until SageMaker gives up.

    A scaling action stays in progress all that time; then the endpoint is InService with the old instance count and
    without a reason. A creation or an update fails with InsufficientInstanceCapacity.

    \b
    async-endpoint local fault stalled-capacity --seconds 1800 --count 1

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _add(state_dir, "stalled-capacity", instance_type=instance_type, seconds=seconds, rate=rate, count=count)


@fault.command()
@state_dir_option
@click.argument("how", type=click.Choice(["drop", "double", "reorder"]))
@endpoint_option
@rate_option
@count_option
def notifications(state_dir: Path, how: str, endpoint: str | None, rate: float, count: int | None) -> None:
    """Drop, duplicate or reorder SageMaker's notifications.

    \b
    async-endpoint local fault notifications drop --rate 0.05

    Exit status: 0 it is active, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _add(state_dir, how, endpoint=endpoint, rate=rate, count=count)


@fault.command("list")
@state_dir_option
def list_command(state_dir: Path) -> None:
    """List the active faults and how often each has occurred.

    \b
    async-endpoint local fault list

    Exit status: 0 they are listed, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    with _faults(state_dir) as faults:
        found = faults.describe()
    table = Table("number", "fault", "occurred", title=f"Faults, seed {found['seed']}")
    for item in found["faults"]:
        what = ", ".join(f"{name}={value}" for name, value in item.items() if name not in ("number", "struck"))
        table.add_row(str(item["number"]), what, str(item["struck"]))
    Console().print(table if found["faults"] else f"There are no active faults (seed {found['seed']}).")


@fault.command()
@state_dir_option
@click.option("--seed", type=int, help="The seed of later faults.  [default: the same seed]")
def clear(state_dir: Path, seed: int | None) -> None:
    """Remove all faults.

    \b
    async-endpoint local fault clear --seed 7

    Exit status: 0 there are none any more, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    with _faults(state_dir) as faults:
        faults.clear(seed)
    click.echo("All faults are removed.")


def _add(state_dir: Path, kind: str, **members: str | float | None) -> None:
    given = {name: value for name, value in members.items() if value is not None}
    try:
        Fault.from_json({"kind": kind, **given})  # names are checked with or without a local AWS
    except FaultError as error:
        raise click.UsageError(str(error)) from error
    with _faults(state_dir) as faults:
        number, note = faults.add_with_note(kind, **given)
    if note is not None:
        click.echo(f"Note: {note}", err=True)
    clear = f"async-endpoint local fault clear{state_dir_arguments(state_dir)}"
    click.echo(f"Fault {number} is active; `{clear}` removes all faults.")


@contextmanager
def _faults(state_dir: Path) -> Iterator[FaultClient]:
    """Yields the fault client of the local AWS in a folder; turns its errors into messages."""
    try:
        yield running_in(state_dir).faults
    except FaultError as error:
        raise click.UsageError(str(error)) from error
    except NoResponse as error:
        raise click.ClickException(str(error)) from error
