"""`async-endpoint local`: start, look at and stop a local AWS, and run other tools against it."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

try:
    from async_endpoint.cli.fault import fault
    from async_endpoint.cli.local_status import status
    from async_endpoint.cli.state_dir import nothing_runs, running_in, state_dir_option
    from async_endpoint.emulator.api.service_quotas import QuotaError, set_quota
    from async_endpoint.emulator.assumptions import AssumptionError, Assumptions
    from async_endpoint.emulator.containers.environment import ServingEnvironment, prepare
    from async_endpoint.emulator.containers.errors import ContainerError
    from async_endpoint.emulator.hosting.instance_times import InstanceTimes
    from async_endpoint.emulator.launcher import DEFAULT_REGION, LocalAws, LocalAwsError, state_dir_arguments
    from async_endpoint.emulator.loopback import NoResponse
except ModuleNotFoundError as missing:  # the extra was not installed
    raise ImportError(
        f"The local AWS needs {missing.name}: install it with `pip install 'async-endpoint[local]'`."
    ) from missing

SERVING_ENVIRONMENT_VARIABLE = "ASYNC_ENDPOINT_SERVING_ENV"
DEFAULT_SERVING_ENVIRONMENT = Path(".venv-serving")

Command = Callable[..., Any]


def _serving_env(command: Command) -> Command:
    return click.option(
        "--serving-env",
        type=click.Path(file_okay=False, path_type=Path),
        envvar=SERVING_ENVIRONMENT_VARIABLE,
        default=DEFAULT_SERVING_ENVIRONMENT,
        show_default=True,
        show_envvar=True,
        help="The Python 3.8 environment that stands in for the image; built when it is not there.",
    )(command)


def _region(command: Command) -> Command:
    return click.option(
        "--region",
        envvar="AWS_REGION",
        default=DEFAULT_REGION,
        show_default=True,
        show_envvar=True,
        help="The region that clients take when they name none.",
    )(command)


def _seconds(stage: str, until: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{stage}-seconds",
        type=click.FloatRange(0),
        default=0.0,
        help=f"Seconds of AWS's clock that an instance takes at least until {until}.",
    )


@click.group()
def local() -> None:
    """A local AWS: S3, SNS, CloudFormation and the rest, with SageMaker endpoints that really serve."""


local.add_command(fault)
local.add_command(status)


@local.command("prepare")
@_serving_env
def prepare_command(serving_env: Path) -> None:
    """Build the serving environment: the image's Python 3.8, torch 1.11 and TorchServe. Quick when it is there."""
    _prepared(serving_env)
    click.echo(f"The serving environment is in {serving_env}.")


@local.command()
@state_dir_option
@_serving_env
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: 4566, or a free one]")
@click.option(
    "--speed",
    type=click.FloatRange(0, 3600, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times faster than the wall AWS's clock runs: alarms, cooldowns, metric periods, queue ages.",
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Computing threads of each instance."
)
@click.option("--fresh", is_flag=True, help="Forget what an earlier one kept in the folder, instead of going on.")
@click.option(
    "--assume", multiple=True, metavar="NAME=VALUE", help="Settle a point that AWS leaves open; see docs/local-aws.md."
)
@_seconds("provision", "a machine is there")
@_seconds("pull", "it has the image")
@_seconds("download", "it has the archive")
@_seconds("start", "the container answers")
def start(
    state_dir: Path,
    serving_env: Path,
    *,
    port: int | None,
    speed: float,
    threads: int,
    fresh: bool,
    assume: tuple[str, ...],
    **seconds: float,
) -> None:
    """Start a local AWS on 127.0.0.1 and leave it running. It goes on from where the last one in the folder ended."""
    try:
        assumptions = Assumptions.parse(assume)
    except AssumptionError as error:
        raise click.UsageError(str(error)) from error
    serving = _prepared(serving_env)
    began = time.monotonic()
    times = InstanceTimes(**{name.removesuffix("_seconds"): value for name, value in seconds.items()})
    try:
        running = LocalAws.start(
            serving,
            state_dir=state_dir,
            port=port,
            speed=speed,
            threads=threads,
            assumptions=assumptions,
            times=times,
            fresh=fresh,
        )
    except LocalAwsError as error:
        raise click.ClickException(str(error)) from error
    where = state_dir_arguments(state_dir)
    click.echo(
        f"The local AWS answers at {running.endpoint_url} after {time.monotonic() - began:.1f} s "
        f"(process {running.pid}, log {running.log}).\n"
        f'Point a shell at it:   eval "$(async-endpoint local env{where})"\n'
        f"Look at its endpoints: {running.endpoint_url}/_local/\n"
        f"Run one command in it: async-endpoint local exec{where} -- npx cdk deploy --all\n"
        f"End it:                async-endpoint local stop{where}"
    )


@local.command()
@state_dir_option
def stop(state_dir: Path) -> None:
    """End the local AWS and every process that it started. What it holds is kept for the next start."""
    running = LocalAws.find(state_dir)
    if running is None:
        click.echo(f"{nothing_runs(state_dir)}.")
        return
    try:
        running.stop()
    except LocalAwsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The local AWS on port {running.port} has ended.")


@local.command()
@state_dir_option
@_region
def env(state_dir: Path, region: str) -> None:
    """Print the variables that point AWS tools here, for `eval`."""
    for name, value in running_in(state_dir).environment(region).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@local.command()
@state_dir_option
@click.argument("instance_type", metavar="TYPE")
@click.argument("value", type=click.IntRange(0))
def quota(state_dir: Path, instance_type: str, value: int) -> None:
    """Set how many instances of TYPE Service Quotas says that endpoints may have, in every region."""
    try:
        set_quota(running_in(state_dir).endpoint_url, instance_type, value)
    except (QuotaError, NoResponse) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{instance_type} for endpoint usage: {value}.")


@local.command("exec", context_settings={"ignore_unknown_options": True})
@state_dir_option
@_region
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec_command(context: click.Context, state_dir: Path, region: str, command: tuple[str, ...]) -> None:
    """Run COMMAND with every AWS tool in it pointed here, and exit with its status."""
    environment = running_in(state_dir).client_environment(os.environ, region)
    try:
        finished = subprocess.run(command, env=environment, check=False)  # noqa: S603 - the user's own command
    except OSError as error:
        raise click.ClickException(f"{command[0]} cannot be run: {error.strerror}.") from error
    context.exit(finished.returncode)


def _prepared(path: Path) -> ServingEnvironment:
    try:
        return prepare(path, click.echo)
    except ContainerError as error:
        raise click.ClickException(str(error)) from error
