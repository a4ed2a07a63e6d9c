"""`async-endpoint rollback`: put the endpoint back to a version that has served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from async_endpoint.cli.aws_session import patient_session, reading_session
from async_endpoint.cli.workflow_options import confirm, endpoint_stack_of, endpoint_stack_options, yes_option
from async_endpoint.client import AsyncEndpointError
from async_endpoint.operations.deploy.change_set import ChangeSetError
from async_endpoint.operations.deploy.rollback import Rollback, RollbackError
from async_endpoint.operations.deploy.rollout import Rollout, RolloutError
from async_endpoint.operations.deploy.sample import process_sample
from async_endpoint.operations.stack_outputs import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.deploy.change_set import ChangeSet
    from async_endpoint.operations.deploy.rollback import KeptVersion

_ERRORS = (RollbackError, ChangeSetError, RolloutError, StackError, AsyncEndpointError)
_UNBOUNDED = 10_000  # columns, without a terminal


@click.command()
@endpoint_stack_options
@click.option("--to", "name", metavar="VERSION", help="The version to go to.  [default: the one before the deployed]")
@click.option("--list", "only_list", is_flag=True, help="List the kept versions, and change nothing.")
@yes_option
@click.option(
    "--sample",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A document that the version must process.  [default: none]",
)
@click.option("--region", metavar="NAME", help="The stack's region.  [default: boto3's own]")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds to wait for CloudFormation, for the endpoint, and for the sample's result.",
)
def rollback(
    *,
    stack: str | None,
    stage: str | None,
    name: str | None,
    only_list: bool,
    yes: bool,
    sample: Path | None,
    region: str | None,
    timeout: int,
) -> None:
    """Put the endpoint back to the version before.

    Deploys the endpoint stack's kept template of that version again: shows what CloudFormation would change, asks,
    changes it, and checks that the endpoint serves it, as `deploy` does. Other stacks, documents, results and jobs are
    not changed. `deploy` keeps the last ten versions that have served.

    \b
    async-endpoint rollback --list --stage dev
    async-endpoint rollback --stage dev

    Exit status: 0 the version serves, 1 it does not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    target = endpoint_stack_of(stack, stage)
    try:
        session = reading_session(region) if only_list else patient_session(region)
        cloudformation = session.client("cloudformation")
        found = Rollback(cloudformation, session.client("s3"), stack=target, timeout=timeout)
        if only_list:
            _print(found.list())
            return
        version = found.choose(name)
        planned = found.plan(version.version)
        if not _is_wanted(target, version, planned, yes=yes):
            return
        rollout = Rollout(cloudformation, session.client("sagemaker"), stack=target, say=click.echo, timeout=timeout)
        result = rollout.run(found.runner(planned, version.version, click.echo))
        click.echo(
            f"{target} has the template of version {version.version.name}. Your source is as it was: `npx cdk diff` "
            "shows it as a change, and the next deploy brings it back. Revert or fix it before that."
        )
        if sample is not None:
            text = process_sample(session, stack=target, endpoint=result.endpoint, sample=sample, timeout=timeout)
            click.echo(f"{sample.name} was processed: {text[:200]}")
    except _ERRORS as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"The request to AWS failed: {error}") from error


def _is_wanted(stack: str, version: KeptVersion, planned: ChangeSet, *, yes: bool) -> bool:
    """Shows the plan and asks; returns whether there is something to do.

    Raises:
        click.ClickException: The user declined, or there is no terminal to ask on; the plan is discarded.
    """
    click.echo(f"{stack}: back to version {version.version.name} (model {version.model}, image {version.image}).")
    if not planned.changes:
        click.echo("This version is deployed: there is nothing to do.")
        return False
    click.echo("\n".join(f"  {change}" for change in planned.changes))
    if not yes:
        try:
            confirm("Change this?", "Nothing was changed")
        except click.ClickException:
            planned.discard()
            raise
    return True


def _print(versions: Sequence[KeptVersion]) -> None:
    if not versions:
        click.echo("No version is kept yet: `async-endpoint deploy` keeps each one that serves.")
        return
    listing = Table("version", "model", "image", "", box=None, pad_edge=False)
    for each in versions:
        listing.add_row(each.version.name, each.model, each.image, "deployed" if each.is_deployed else "")
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=_UNBOUNDED)).print(listing)
