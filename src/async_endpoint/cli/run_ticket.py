"""The run that a command continues: its options, its ticket, its endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.aws_session import reading_session, submitting_session
from async_endpoint.cli.option_group import option_group
from async_endpoint.cli.run_session import finish, not_usable, ticket_option
from async_endpoint.cli.workflow_options import read_workflow, stage_option
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, JobsTableReader, RunOptions, Ticket
from async_endpoint.client.run_options import DEFAULT_DOUBT_SECONDS
from async_endpoint.client.ticket_store import ticket_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class ContinuedRun:
    """The values of the options."""

    run: str | None
    ticket_file: Path | None
    doubt_seconds: float
    stage: str | None
    wake: bool

    def finish(self, default: Callable[[], Path], command: str, *, as_json: bool, timeout: float | None = None) -> int:
        """Does what is left of the run, and returns the exit status.

        Args:
            default: Finds the ticket if the options name none.
            command: As for `run_session.finish`.
            as_json: As for `run_session.finish`.
            timeout: As for `RunOptions`.

        Raises:
            click.ClickException: The run cannot be opened, or was broken off.
        """
        ticket, endpoint, records = open_run(path_of(self.run, self.ticket_file, default), self.stage)
        options = RunOptions(doubt_seconds=self.doubt_seconds, records=records, timeout=timeout)
        own_file = self.ticket_file is not None
        return finish(ticket, endpoint, options, wake=self.wake, own_file=own_file, as_json=as_json, command=command)


continue_options = option_group(
    "continued",
    ContinuedRun,
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
"""Adds RUN, `--ticket`, `--doubt-seconds`, `--stage` and `--wake`."""


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
        session = submitting_session(settings.region)
        endpoint = AsyncEndpoint(
            settings.endpoint,
            input_location=settings.inputs or None,
            session=session,
            concurrency=settings.concurrency,
        )
        records = None
        if stage:
            workflow = read_workflow(None, stage, reading_session(settings.region))
            records = JobsTableReader.from_session(workflow.jobs_table, session)
    except (AsyncEndpointError, BotoCoreError, ClientError) as error:
        ticket.close()
        raise click.ClickException(str(error)) from error
    return ticket, endpoint, records
