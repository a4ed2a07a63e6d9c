"""`async-endpoint destroy`: delete deployed stacks with what they hold, after asking."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.destroy import (
    Aws,
    Count,
    Deadline,
    TeardownError,
    delete_stack,
    survey,
    surviving_log_groups,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from async_endpoint.operations.destroy import StackHoldings

_BOOTSTRAP = "The CDK's bootstrap stack (CDKToolkit) and the assets in its bucket were not touched."


@click.command()
@click.argument("stacks", metavar="STACK...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, envvar="YES", show_envvar=True, help="Do not ask.")
@click.option("--region", metavar="NAME", help="Where the stacks are.  [default: boto3's own]")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds to wait for everything together.",
)
def destroy(stacks: tuple[str, ...], *, yes: bool, region: str | None, timeout: int) -> None:
    """Delete each STACK in the order given, with all that its buckets and tables hold.

    Lists first what will go, and asks. Nothing is touched if one of the stacks is protected from termination, is being
    processed_by on, or holds what AWS would refuse to delete. What has a deletion policy of Retain stays as it is.

    Exit status: 0 all of them are gone, 1 some are not, 2 wrong usage.
    """
    try:
        aws = Aws.of_session(boto3.Session(region_name=region))
        found, missing = survey(aws, stacks)
        for name in missing:
            click.echo(f"There is no stack {name} in {aws.cloudformation.meta.region_name}: skipped.")
        if not found:
            click.echo("There is nothing to destroy.")
            return
        click.echo("\n".join(_plan(found)))
        if not yes:
            _ask()
        _destroy(aws, found, Deadline(timeout))
    except TeardownError as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"AWS could not be asked: {error}") from error


def _plan(stacks: Sequence[StackHoldings]) -> Iterator[str]:
    """What will go, for a person to decide on."""
    yield f"In {stacks[0].place}, this will be deleted and cannot be brought back:"
    for stack in stacks:
        yield f"  stack {stack.name}, {Count(len(stack.resources) - len(stack.kept)).of('resource')}"
        yield from (f"    endpoint {endpoint}" for endpoint in stack.endpoints)
        yield from (f"    bucket {name}: {content}" for name, content in stack.buckets.items())
        yield from (f"    table {name}: {items.of('item')}" for name, items in stack.tables.items())
    if kept := [line for stack in stacks for line in _kept(stack)]:
        yield "This will be kept, as its deletion policy says:"
        yield from kept


def _kept(stack: StackHoldings) -> Iterator[str]:
    for resource in stack.kept:
        yield f"  {resource.kind} {resource.name} ({resource.deletion_policy})"


def _ask() -> None:
    """Go on after a yes.

    Raises:
        TeardownError: The answer was another, or nobody was there to answer.
    """
    try:
        if click.confirm("Delete all of this?"):
            return
    except click.Abort:
        click.echo()
    raise TeardownError("Nothing was deleted: answer y to delete, or give --yes (or YES=1) where nobody can answer.")


def _destroy(aws: Aws, stacks: Sequence[StackHoldings], deadline: Deadline) -> None:
    """Delete one after the other, and say what is left however it ends."""
    attempt = f"destroy-{uuid.uuid4()}"
    gone: list[StackHoldings] = []
    try:
        for stack in stacks:
            delete_stack(aws, stack, deadline, click.echo, attempt=attempt)
            gone.append(stack)
    finally:
        click.echo("\n".join(_left(aws, gone, stacks[len(gone) :])))


def _left(aws: Aws, gone: Sequence[StackHoldings], there: Sequence[StackHoldings]) -> Iterator[str]:
    left = [
        *(f"  stack {stack.name}" for stack in there),
        *(line for stack in gone for line in _kept(stack)),
        *_surviving_logs(aws, gone),
    ]
    yield "What is left:" if left else "Nothing of the stacks is left."
    yield from left
    yield _BOOTSTRAP


def _surviving_logs(aws: Aws, stacks: Sequence[StackHoldings]) -> list[str]:
    try:
        return [f"  log group {name}" for name in surviving_log_groups(aws, stacks)]
    except (BotoCoreError, ClientError) as error:  # must not hide why a deletion failed
        return [f"  perhaps log groups, which could not be listed: {error}"]
