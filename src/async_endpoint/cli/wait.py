"""`async-endpoint wait`: waits for the outcomes of a run."""

from __future__ import annotations

import click

from async_endpoint.cli.run_report import json_option
from async_endpoint.cli.run_ticket import ContinuedRun, continue_options
from async_endpoint.client.ticket_store import newest


@click.command(short_help="Wait for the outcomes of a run.")
@continue_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait at most so long, counted from when everything is submitted.  [default: until each document's deadline]",
)
@json_option
@click.pass_context
def wait(
    context: click.Context,
    *,
    continued: ContinuedRun,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Wait until each document of RUN, or of the newest run, has an outcome.

    Does what `resume` does, but writes no file of results: the ticket keeps them. What a broken-off submission left
    unsent is submitted first, and documents in doubt are watched for, then replaced.

    \b
    async-endpoint wait
    async-endpoint wait 20260131-093000-1a2b3c --timeout 600 --json

    Exit status: 0 every document completed, 1 some did not or the time is over, 2 wrong usage or another process uses
    the ticket, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    context.exit(continued.finish(newest, "wait", as_json=as_json, timeout=timeout))
