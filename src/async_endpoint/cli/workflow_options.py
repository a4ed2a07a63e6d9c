"""The options that name a deployed workflow stack, and what the commands on jobs have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.aws_session import reading_session
from async_endpoint.client import AsyncEndpointError
from async_endpoint.operations.jobs.workflow import Workflow, endpoint_stack_name, workflow_stack_name
from async_endpoint.operations.stack_outputs import StackError
from async_endpoint.protocol import JobsTableBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

INTERRUPTED = 130
"""The exit status that shells report after Ctrl-C."""

Command = Callable[..., Any]


def stage_option(command: Command) -> Command:
    """Adds `--stage`."""
    return click.option("--stage", metavar="NAME", help="The stage: its stack async-endpoint-NAME-workflow.")(command)


def workflow_options(command: Command) -> Command:
    """Adds `--stage` and `--stack`."""
    stack = click.option("--stack", metavar="NAME", help="The workflow stack, where --stage does not name it.")
    return stage_option(stack(command))


def endpoint_stack_options(command: Command) -> Command:
    """Adds `--stage` and `--stack`, for a command on an endpoint's stack."""
    stage = click.option("--stage", metavar="NAME", help="The stage: its stack async-endpoint-NAME-endpoint.")
    stack = click.option("--stack", metavar="NAME", help="The endpoint's stack, where --stage does not name it.")
    return stage(stack(command))


def endpoint_stack_of(stack: str | None, stage: str | None) -> str:
    """Returns the name of the endpoint's stack that the options name.

    Raises:
        click.UsageError: Neither option is given, or both are.
    """
    if (stack is None) == (stage is None):
        raise click.UsageError("Name the stage by --stage, or its endpoint stack by --stack.")
    return stack or endpoint_stack_name(str(stage))


def stack_of(stack: str | None, stage: str | None) -> str | None:
    """Returns the name of the stack that the options name; None if neither is given.

    Raises:
        click.UsageError: Both are given.
    """
    if stack is not None and stage is not None:
        raise click.UsageError("--stage and --stack both name the stack: give one of them.")
    return workflow_stack_name(stage) if stage is not None else stack


def read_workflow(stack: str | None, stage: str | None, session: boto3.Session | None = None) -> Workflow:
    """Returns the workflow that the options name; of a session, or of a `reading_session`.

    Raises:
        click.UsageError: Neither option is given, or both are.
        click.ClickException: The stack cannot be read.
    """
    name = stack_of(stack, stage)
    if name is None:
        raise click.UsageError("Name the stage by --stage, or its workflow stack by --stack.")
    try:
        return Workflow.from_stack((session or reading_session()).client("cloudformation"), name)
    except (StackError, BotoCoreError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turns errors of AWS and of the client into the command's error message."""
    try:
        yield
    except (AsyncEndpointError, JobsTableBusy) as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"The request to AWS failed: {error}") from error


def confirm(question: str, nothing_done: str) -> None:
    """Asks for confirmation.

    Args:
        question: What to ask.
        nothing_done: What did not happen without it, such as "Nothing was deleted".

    Raises:
        click.ClickException: The user declined, or there is no terminal to ask on.
    """
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        click.echo(err=True)
    raise click.ClickException(f"{nothing_done}: answer y, or pass --yes (or YES=1) where there is no terminal.")


yes_option = click.option("--yes", is_flag=True, envvar="YES", show_envvar=True, help="Do not ask for confirmation.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
