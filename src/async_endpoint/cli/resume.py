"""`async-endpoint resume`: continues a run that was broken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.run_session import finish, not_usable, ticket_option
from async_endpoint.cli.workflow_options import read_workflow, stage_option
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, JobsTableReader, RunOptions, Ticket
from async_endpoint.client.run_options import DEFAULT_DOUBT_SECONDS
from async_endpoint.client.ticket_store import newest_unfinished, ticket_path

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Continue a run that was broken off.")
@click.argument("run", required=False)
@ticket_option
@click.option(
    "--doubt-seconds",
    type=click.FloatRange(min=0),
    default=DEFAULT_DOUBT_SECONDS,
    show_default=True,
    help="How long, after all other outcomes, to wait for that of a document whose submission broke off.",
)
@stage_option
@click.option("--wake/--no-wake", default=True, show_default=True, help="Wake a sleeping endpoint at once.")
@click.pass_context
def resume(
    context: click.Context,
    *,
    run: str | None,
    ticket_file: Path | None,
    doubt_seconds: float,
    stage: str | None,
    wake: bool,
) -> None:
    """Continue RUN, or the newest run that is not finished.

    Submits what was never submitted, collects the rest, and writes the run's file of results with all lines. With
    --stage the jobs table is asked for documents whose submission broke off.

    \b
    async-endpoint resume
    async-endpoint resume 20260131-093000-1a2b3c --stage dev

    Exit status: as for `run`; 2 if another process uses the ticket.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if run and ticket_file:
        raise click.UsageError("RUN and --ticket both name the run: give one of them.")
    try:
        ticket = Ticket.open(ticket_file or (ticket_path(run) if run else newest_unfinished()))
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
    options = RunOptions(doubt_seconds=doubt_seconds, records=records)
    context.exit(finish(ticket, endpoint, options, wake=wake, own_file=ticket_file is not None))
