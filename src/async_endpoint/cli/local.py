"""`async-endpoint local`: start, inspect and stop a local AWS, and run other tools against it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from async_endpoint.cli.fault import fault
from async_endpoint.cli.local_options import no_local_aws, region_option, running_in, state_dir_option
from async_endpoint.cli.local_status import status
from async_endpoint.cli.serving_options import images_option, serving_env_option
from async_endpoint.emulator.api.service_quotas import QuotaError, set_quota
from async_endpoint.emulator.assumptions import AssumptionError, Assumptions
from async_endpoint.emulator.containers.environment import ServingEnvironments, prepare_all
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.launcher import LocalAws, LocalAwsError, state_dir_arguments
from async_endpoint.emulator.loopback import NoResponse
from async_endpoint.operations.commands import CommandError, run_command
from async_endpoint.protocol.serving_images import IMAGES, ImageName

Command = Callable[..., Any]


def _seconds(phase: str, until: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{phase}-seconds",
        type=click.FloatRange(0),
        default=0.0,
        show_default=True,
        help=f"Minimum seconds on AWS's clock until {until}.",
    )


@click.group()
def local() -> None:
    """Run a local AWS with working SageMaker endpoints.

    It has S3, SNS, SQS, DynamoDB, CloudFormation and more.
    """


local.add_command(fault)
local.add_command(status)


@local.command("prepare")
@serving_env_option
@images_option("The image to build the environment of.")
def prepare_command(serving_env: Path, images: tuple[ImageName, ...]) -> None:
    """Build the serving environment of an image, unless it exists.

    It has the image's Python, torch and model server. To remove one, delete its folder.

    \b
    async-endpoint local prepare --image pytorch-2.6

    Exit status: 0 it is there, 1 it could not be built, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    serving = _prepared(serving_env, images)
    for name in images:
        click.echo(f"The serving environment of {name} is in {serving.of(IMAGES[name]).path}.")


@local.command()
@state_dir_option
@serving_env_option
@images_option("The image of an endpoint; its environment is built if it does not exist.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: 4566, or a free one]")
@click.option(
    "--speed",
    type=click.FloatRange(0, 3600, min_open=True),
    default=1.0,
    show_default=True,
    help="Speed of AWS's clock relative to real time: alarms, cooldowns, metric periods, queue ages.",
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="CPU threads of each instance."
)
@click.option("--fresh", is_flag=True, help="Discard the saved state in the folder instead of restoring it.")
@click.option(
    "--assume",
    multiple=True,
    metavar="NAME=VALUE",
    help="Decide what AWS does not document; repeatable. See docs/local-aws-fidelity.md.",
)
@click.option(
    "--instance-price",
    type=click.FloatRange(0),
    metavar="USD",
    help="The price of one instance for an hour: the pages show what an endpoint would have cost.",
)
@_seconds("provision", "an instance is provisioned")
@_seconds("pull", "the instance has pulled the image")
@_seconds("download", "the instance has downloaded the archive")
@_seconds("start", "the container responds")
def start(
    state_dir: Path,
    serving_env: Path,
    *,
    images: tuple[ImageName, ...],
    port: int | None,
    speed: float,
    threads: int,
    fresh: bool,
    assume: tuple[str, ...],
    instance_price: float | None,
    **seconds: float,
) -> None:
    """Start a local AWS on 127.0.0.1 in the background. It restores the state that the last one saved in the folder.

    \b
    async-endpoint local start
    async-endpoint local start --speed 60 --state-dir ../local-aws

    Exit status: 0 it runs, 1 it could not be started, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        assumptions = Assumptions.parse(assume)
    except AssumptionError as error:
        raise click.UsageError(str(error)) from error
    serving = _prepared(serving_env, images)
    started = time.monotonic()
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
            instance_price=instance_price,
        )
    except LocalAwsError as error:
        raise click.ClickException(str(error)) from error
    where = state_dir_arguments(state_dir)
    if running.former_port is not None:
        click.echo(
            f"It ran on port {running.former_port} before. The URLs of its queues, and functions that have them, have "
            f"port {running.port} now: point shells and programs at it again."
        )
    click.echo(
        f"The local AWS is ready at {running.endpoint_url} after {time.monotonic() - started:.1f} s "
        f"(process {running.pid}, log {running.log}).\n"
        f'Point a shell at it:   eval "$(async-endpoint local env{where})"\n'
        f"See its endpoints:     {running.endpoint_url}/_local/\n"
        f"Run one command in it: async-endpoint local exec{where} -- npx cdk deploy --all\n"
        f"Stop it:               async-endpoint local stop{where}"
    )


@local.command()
@state_dir_option
def stop(state_dir: Path) -> None:
    """Stop the local AWS and every process it started. Its state is saved for the next start.

    \b
    async-endpoint local stop

    Exit status: 0 none runs there any more, 1 it could not be stopped, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    running = LocalAws.find(state_dir)
    if running is None:
        click.echo(f"{no_local_aws(state_dir)}.")
        return
    try:
        running.stop()
    except LocalAwsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The local AWS on port {running.port} has stopped.")


@local.command()
@state_dir_option
@region_option("The default region of clients.")
def env(state_dir: Path, region: str) -> None:
    """Print the variables that point AWS tools at the local AWS.

    Use it with eval: eval "$(async-endpoint local env)".

    Exit status: 0 they are printed, 1 there is no local AWS, 2 wrong usage.
    """
    for name, value in running_in(state_dir).environment(region).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@local.command()
@state_dir_option
@click.argument("instance_type", metavar="TYPE")
@click.argument("value", type=click.IntRange(0))
def quota(state_dir: Path, instance_type: str, value: int) -> None:
    """Set the quota of an instance type, in every region.

    Service Quotas then reports VALUE for "TYPE for endpoint usage", and SageMaker rejects more instances.

    \b
    async-endpoint local quota ml.g4dn.xlarge 2

    Exit status: 0 it is set, 1 it is not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        set_quota(running_in(state_dir).endpoint_url, instance_type, value)
    except (QuotaError, NoResponse) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{instance_type} for endpoint usage: {value}.")


@local.command("exec", context_settings={"ignore_unknown_options": True})
@state_dir_option
@region_option("The default region of clients.")
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec_command(context: click.Context, state_dir: Path, region: str, command: tuple[str, ...]) -> None:
    """Run COMMAND (after `--`) against the local AWS, and exit with its exit status.

    \b
    async-endpoint local exec --region us-east-1 -- npx cdk deploy --all
    async-endpoint local exec -- aws s3 ls

    Exit status: that of COMMAND; 1 if there is no local AWS or COMMAND cannot be run, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    running = running_in(state_dir)
    environment = running.client_environment(os.environ, region)
    try:
        context.exit(run_command(_pointed_here(command, running.endpoint_url), env=environment).returncode)
    except CommandError as error:
        raise click.ClickException(str(error)) from error


def _pointed_here(command: tuple[str, ...], endpoint_url: str) -> tuple[str, ...]:
    """Returns a command, with the endpoint URL as an option of the AWS CLI if it is that.

    Version 1 sends `aws sqs`, `emr` and `health` to hosts of AWS that it knows by region, whatever AWS_ENDPOINT_URL
    says; only the option prevails. Source: awscli/customizations/overridesslcommonname.py in aws/aws-cli, branch v1.
    """
    program, *arguments = command
    if Path(program).name != "aws" or any(each.split("=")[0] == "--endpoint-url" for each in arguments):
        return command
    return program, "--endpoint-url", endpoint_url, *arguments


def _prepared(path: Path, images: tuple[ImageName, ...]) -> ServingEnvironments:
    try:
        return prepare_all(path, click.echo, images)
    except ContainerError as error:
        raise click.ClickException(str(error)) from error
