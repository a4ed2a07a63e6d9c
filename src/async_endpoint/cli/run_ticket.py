"""The run that a command continues: its options, its ticket, its endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.run_session import not_usable, ticket_option
from async_endpoint.cli.workflow_options import read_workflow, stage_option
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, JobsTableReader, Ticket
from async_endpoint.client.run_options import DEFAULT_DOUBT_SECONDS
from async_endpoint.client.ticket_store import ticket_path

if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[..., Any]


def continue_options(command: Command) -> Command:
    """Adds RUN, `--ticket`, `--doubt-seconds`, `--stage` and `--wake`."""
    options = (
        click.argument("run", required=False),
        ticket_option,
        click.option(
            "--doubt-seconds",
            type=click.FloatRange(min=0),
            default=DEFAULT_DOUBT_SECONDS,
            show_default=True,
            help="How long, after all other outcomes, to wait for that of a document whose submission broke off.",
        ),
        stage_option,
        click.option("--wake/--no-wake", default=True, show_default=True, help="Wake a sleeping endpoint at once."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def path_of(run: str | None, ticket_file: Path | None, default: Callable[[], Path]) -> Path:
    """Returns the ticket that RUN or `--ticket` names.

    Args:
        run: The run's id.
        ticket_file: The file.
        default: Finds the ticket if neither is given.

    Raises:
        click.UsageError: Both are given.
        click.ClickException: There is no such run.
    """
    if run and ticket_file:
        raise click.UsageError("RUN and --ticket both name the run: give one of them.")
    try:
        return ticket_file or (ticket_path(run) if run else default())
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error


def open_run(path: Path, stage: str | None) -> tuple[Ticket, AsyncEndpoint, JobsTableReader | None]:
    """Returns the open ticket, its endpoint, and the stage's jobs table if a stage is named.

    Raises:
        click.ClickException: The ticket cannot be opened, or AWS does not say what the stage has.
    """
    try:
        ticket = Ticket.open(path)
    except AsyncEndpointError as error:
        raise not_usable(error) from error
    settings = ticket.settings
    try:
        session = boto3.Session(region_name=settings.region)
        endpoint = AsyncEndpoint(
            settings.endpoint,
            input_location=settings.inputs or None,
            session=session,
            concurrency=settings.concurrency,
        )
        records = None
        if stage:
            records = JobsTableReader.from_session(read_workflow(None, stage, session).jobs_table, session)
    except (AsyncEndpointError, BotoCoreError, ClientError) as error:
        ticket.close()
        raise click.ClickException(str(error)) from error
    return ticket, endpoint, records
