"""`async-endpoint runs`: lists the runs of this machine's user."""

from __future__ import annotations

import json

import click

from async_endpoint.client.ticket_schema import DocumentState
from async_endpoint.client.ticket_store import StoredRun, prune, stored_runs
from async_endpoint.counted import counted


@click.command(short_help="List the runs of this machine.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each run.")
@click.option(
    "--prune",
    "days",
    metavar="DAYS",
    type=click.IntRange(min=0),
    help="Delete the tickets of finished runs that are older than so many days, instead.",
)
def runs(*, as_json: bool, days: int | None) -> None:
    """List the runs whose tickets are in the user's state folder, newest first.

    \b
    async-endpoint runs
    async-endpoint runs --prune 30

    Exit status: 0 even if there are none or one cannot be read, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if days is not None:
        deleted = prune(days)
        click.echo(f"{counted(len(deleted), 'ticket')} of finished runs deleted.")
        return
    for found in stored_runs():
        if isinstance(found, StoredRun):
            click.echo(_json(found) if as_json else _text(found))
        else:
            click.echo(str(found), err=True)


def _json(found: StoredRun) -> str:
    settings = found.settings
    return json.dumps(
        {
            "run": settings.run,
            "started_at": settings.started_at,
            "endpoint": settings.endpoint,
            "region": settings.region,
            "folder": settings.folder,
            "output": settings.output or None,
            "ticket": str(found.path),
            "finished": found.is_finished,
            "documents": {state.value: found.counts[state] for state in DocumentState},
        }
    )


def _text(found: StoredRun) -> str:
    settings = found.settings
    counts = ", ".join(f"{found.counts[state]} {state.lower()}" for state in DocumentState if found.counts[state])
    where = click.format_filename(settings.folder)
    if settings.output:
        where = f"{where} -> {click.format_filename(settings.output)}"
    text = f"{settings.run}  {settings.started_at}  {settings.endpoint}  {counts}  {where}"
    if not found.awaits_its_file:
        return text
    return f"{text}  lines are missing there: `async-endpoint resume {settings.run}` writes them"
