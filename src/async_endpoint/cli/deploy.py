"""`async-endpoint deploy`: a deploy command with what an endpoint needs before and after it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client import AsyncEndpoint, AsyncEndpointError
from async_endpoint.operations.deploy.rollout import Rollout, RolloutError
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import S3Location

_SAMPLES = "deploy-check/"


@click.command()
@click.argument("command", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--stack", metavar="NAME", required=True, help="The stack that holds the endpoint.")
@click.option(
    "--sample",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A document that the new configuration must read.  [default: none is sent]",
)
@click.option("--region", metavar="NAME", help="Where the stack is.  [default: boto3's own]")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds to wait for the endpoint, and for the sample's answer, each.",
)
def deploy(command: tuple[str, ...], *, stack: str, sample: Path | None, region: str | None, timeout: int) -> None:
    """Run COMMAND, which deploys an endpoint's stack, and prove what came of it.

    Waits first for an update or a scaling action that is under way. Afterwards the configuration that serves must be
    the one that was deployed: SageMaker rolls back in silence. Then the sample is read, unless the configuration is the
    one from before and the endpoint asleep.

    Exit status: 0 the deployed configuration serves, 1 it does not, 2 wrong usage.
    """
    try:
        session = boto3.Session(region_name=region)
        rollout = Rollout(session.client("cloudformation"), session.client("sagemaker"), stack, _say, timeout)
        endpoint, news = rollout.run(lambda: _run(command))
        if sample is None:
            return
        if not news:
            _say(f"{endpoint} sleeps, with the configuration from before: no sample was sent to wake it.")
            return
        _read(session, stack, endpoint, sample, timeout)
    except (RolloutError, StackError, AsyncEndpointError) as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"AWS could not be asked: {error}") from error


def _run(command: tuple[str, ...]) -> int:
    try:
        return subprocess.run(command, check=False).returncode  # noqa: S603 - what the user asked for
    except OSError as error:
        raise click.UsageError(f"{command[0]} cannot be run: {error.strerror}.") from error


def _read(session: boto3.Session, stack: str, endpoint: str, sample: Path, timeout: int) -> None:
    """Have the sample read by the endpoint; raises as the client does."""
    bucket = read_outputs(session.client("cloudformation"), [stack]).get("InputBucketName")
    if bucket is None:
        raise StackError(f"Stack {stack} has no output InputBucketName, where the sample would be put.")
    job = AsyncEndpoint(
        endpoint, input_location=S3Location.parse_prefix(f"s3://{bucket}/{_SAMPLES}"), session=session
    ).submit(sample)
    text = job.result(timeout=timeout).body.decode(errors="replace")
    _say(f"{sample.name} was read: {text if len(text) <= 200 else text[:200] + '…'}")  # noqa: PLR2004 - a line or two


def _say(line: str) -> None:
    click.echo(line)
