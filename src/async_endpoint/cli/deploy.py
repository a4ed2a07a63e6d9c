"""`async-endpoint deploy`: run a deploy command, then check that the deployed configuration serves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.cli.workflow_options import endpoint_stack_of, endpoint_stack_options
from async_endpoint.client import AsyncEndpointError
from async_endpoint.operations.commands import CommandError, run_command
from async_endpoint.operations.deploy.deleted import find_deleted
from async_endpoint.operations.deploy.rollout import Rollout, RolloutError
from async_endpoint.operations.deploy.sample import process_sample
from async_endpoint.operations.deploy.versions import VersionKeeper
from async_endpoint.operations.stack_outputs import StackError

_SHOWN_CHARACTERS = 200


@click.command()
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@endpoint_stack_options
@click.option(
    "--sample",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A document that the new configuration must process.  [default: none]",
)
@click.option("--region", metavar="NAME", help="The stack's region.  [default: boto3's own]")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds to wait for the endpoint, and again for the sample's result.",
)
def deploy(
    command: tuple[str, ...],
    *,
    stage: str | None,
    stack: str | None,
    sample: Path | None,
    region: str | None,
    timeout: int,
) -> None:
    """Deploy an endpoint's stack and check the outcome.

    Waits until an update or a scaling action of the endpoint has finished, then runs COMMAND (after `--`), which
    deploys the stack. Afterwards, the deployed configuration must serve: SageMaker may roll back without an error.
    What the stage's stacks have made must exist, such as its table, buckets, queues and alarms: CloudFormation does
    not notice that one was deleted. Then the endpoint must process the sample, unless the configuration is
    unchanged and the endpoint is scaled to zero. Each version that serves is kept in the bucket of the CDK's
    assets, the last ten, for `async-endpoint rollback`.

    \b
    async-endpoint deploy --stage dev --sample invoice.pdf -- npx cdk deploy --all

    Exit status: 0 the deployed configuration serves, 1 it does not or the stage is not complete, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    stack = endpoint_stack_of(stack, stage)
    try:
        session = patient_session(region)
        cloudformation, sagemaker = session.client("cloudformation"), session.client("sagemaker")
        rollout = Rollout(cloudformation, sagemaker, stack=stack, say=click.echo, timeout=timeout)
        keeper = VersionKeeper(
            cloudformation,
            session.client("s3"),
            stack=stack,
            serves=rollout.serves_as_deployed,
            say=click.echo,
            now=lambda: datetime.now(UTC),
        )
        keeper.before()
        try:
            result = rollout.run(lambda: run_command(command).returncode)
        finally:
            keeper.after()
        if deleted := find_deleted(session, stack):
            lines = [each.text + (f"\n   → {each.fix}" if each.fix else "") for each in deleted]
            raise click.ClickException("\n".join(["The stage lacks what CloudFormation believes to exist:", *lines]))
        if sample is None:
            return
        if result.is_unchanged_and_asleep:
            click.echo(f"{result.endpoint} is scaled to zero and its configuration is unchanged: no sample was sent.")
            return
        text = process_sample(session, stack=stack, endpoint=result.endpoint, sample=sample, timeout=timeout)
    except CommandError as error:
        raise click.UsageError(str(error)) from error
    except (RolloutError, StackError, AsyncEndpointError) as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"The request to AWS failed: {error}") from error
    click.echo(
        f"{sample.name} was processed: {text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + '…'}"
    )
