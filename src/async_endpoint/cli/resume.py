"""`async-endpoint resume`: continues a run that was broken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from async_endpoint.cli.run_report import json_option
from async_endpoint.cli.run_session import finish
from async_endpoint.cli.run_ticket import continue_options, open_run, path_of
from async_endpoint.client import RunOptions
from async_endpoint.client.ticket_store import newest_unfinished

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Continue a run that was broken off.")
@continue_options
@json_option
@click.pass_context
def resume(
    context: click.Context,
    *,
    run: str | None,
    ticket_file: Path | None,
    doubt_seconds: float,
    stage: str | None,
    wake: bool,
    as_json: bool,
) -> None:
    """Continue RUN, or the newest run that is not finished.

    Submits what was never submitted, collects the rest, and writes the run's file of results with all lines. A run of
    `submit` has no such file: its ticket keeps the lines. With --stage the jobs table is asked for documents whose
    submission broke off.

    \b
    async-endpoint resume
    async-endpoint resume 20260131-093000-1a2b3c --stage dev

    Exit status: as for `run`; 2 if another process uses the ticket.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    ticket, endpoint, records = open_run(path_of(run, ticket_file, newest_unfinished), stage)
    options = RunOptions(doubt_seconds=doubt_seconds, records=records)
    context.exit(finish(ticket, endpoint, options, wake=wake, own_file=ticket_file is not None, as_json=as_json))
