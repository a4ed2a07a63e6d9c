"""`async-endpoint destroy`: delete deployed stacks with everything in them, after a confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.destroy.clients import TeardownClients
from async_endpoint.operations.destroy.deletion import Teardown
from async_endpoint.operations.destroy.inventory import Count, TeardownError
from async_endpoint.operations.destroy.survey import survey
from async_endpoint.operations.jobs.workflow import stage_stack_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from async_endpoint.operations.destroy.inventory import Remainder, Resource, StackInventory

_BOOTSTRAP = "The CDK's bootstrap stack (CDKToolkit) and the assets in its bucket were not changed."


@click.command()
@click.argument("stacks", metavar="[STACK...]", nargs=-1)
@click.option("--stage", metavar="NAME", help="The stage: its three stacks, async-endpoint-NAME-workflow first.")
@click.option("--yes", is_flag=True, envvar="YES", show_envvar=True, help="Do not ask for confirmation.")
@click.option("--region", metavar="NAME", help="The stacks' region.  [default: boto3's own]")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Seconds to wait for all stacks together.",
)
def destroy(stacks: tuple[str, ...], *, stage: str | None, yes: bool, region: str | None, timeout: int) -> None:
    """Delete stacks with the contents of their buckets and tables.

    Lists first what would be deleted, and asks for confirmation. Then deletes each STACK in the order given. Deletes
    nothing if a stack has termination protection, if CloudFormation is working on a stack, or if a stack has a resource
    that AWS would not delete. Resources with the deletion policy Retain stay.

    \b
    async-endpoint destroy --stage dev
    async-endpoint destroy async-endpoint-dev-workflow async-endpoint-dev-endpoint async-endpoint-dev-foundation

    Exit status: 0 all stacks are deleted, 1 some are not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if (stage is None) == (not stacks):
        raise click.UsageError("Name what to delete: a stage by --stage, or stacks.")
    stacks = stacks or stage_stack_names(str(stage))
    try:
        clients = TeardownClients.from_session(patient_session(region))
        found, missing = survey(clients, stacks)
        for name in missing:
            click.echo(f"There is no stack {name} in {clients.cloudformation.meta.region_name}: skipped.")
        if not found:
            click.echo("There is nothing to destroy.")
            return
        click.echo("\n".join(_plan(found)))
        if not yes:
            _confirm()
        teardown = Teardown(clients, found, Deadline(timeout), click.echo)
        try:
            teardown.run()
        finally:
            click.echo("\n".join(_left(teardown.remainder())))
    except TeardownError as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"The request to AWS failed: {error}") from error


def _plan(stacks: Sequence[StackInventory]) -> Iterator[str]:
    """Lists what would be deleted, and what would stay."""
    yield f"In {stacks[0].place}, this will be deleted and cannot be restored:"
    for stack in stacks:
        yield f"  stack {stack.name}, {Count(len(stack.resources) - len(stack.retained)).of('resource')}"
        yield from (f"    endpoint {endpoint}" for endpoint in stack.endpoints)
        yield from (f"    bucket {name}: {content}" for name, content in stack.buckets.items())
        yield from (f"    table {name}: {items.of('item')}" for name, items in stack.tables.items())
    if retained := [resource for stack in stacks for resource in stack.retained]:
        yield "This will be retained because of its deletion policy:"
        yield from map(_retained, retained)


def _retained(resource: Resource) -> str:
    return f"  {resource.kind} {resource.name} ({resource.deletion_policy})"


def _confirm() -> None:
    """Asks for confirmation.

    Raises:
        TeardownError: The user declined, or there is no terminal to ask on.
    """
    try:
        if click.confirm("Delete all of this?"):
            return
    except click.Abort:
        click.echo()
    raise TeardownError("Nothing was deleted: answer y to delete, or pass --yes (or YES=1) where there is no terminal.")


def _left(remainder: Remainder) -> Iterator[str]:
    left = [
        *(f"  stack {stack}" for stack in remainder.stacks),
        *map(_retained, remainder.retained),
        *(f"  log group {name}" for name in remainder.log_groups),
    ]
    if remainder.log_groups_error is not None:
        left.append(f"  possibly log groups, which could not be listed: {remainder.log_groups_error}")
    yield "What is left:" if left else "Nothing of the stacks is left."
    yield from left
    yield _BOOTSTRAP
