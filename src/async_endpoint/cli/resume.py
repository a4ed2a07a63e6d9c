"""`async-endpoint resume`: continues a run that was broken off."""

from __future__ import annotations

import click

from async_endpoint.cli.run_report import json_option
from async_endpoint.cli.run_ticket import ContinuedRun, continue_options
from async_endpoint.client.ticket_store import newest_unfinished


@click.command(short_help="Continue a run that was broken off.")
@continue_options
@json_option
@click.pass_context
def resume(
    context: click.Context,
    *,
    continued: ContinuedRun,
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
    context.exit(continued.finish(newest_unfinished, "resume", as_json=as_json))
