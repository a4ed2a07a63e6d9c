"""`async-endpoint status` and `async-endpoint jobs`: what the jobs table says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from async_endpoint.client import AsyncEndpointError, JobsTableReader
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from async_endpoint.protocol import JobRecord

TABLE_OUTPUT = "JobsTableName"
"""The output by which a stack names its jobs table."""

_COLOURS = {JobState.COMPLETED: "green", JobState.FAILED: "red", JobState.EXPIRED: "yellow"}
_UNBOUNDED = 10_000  # columns, where no terminal gives a width

Command = Callable[..., Any]


def _where_and_how(command: Command) -> Command:
    """The options that both commands have."""
    options = (
        click.option("--table", metavar="NAME", help="The jobs table's name."),
        click.option("--stack", metavar="NAME", help=f"Read it from this stack's output {TABLE_OUTPUT}."),
        click.option("--json", "as_json", is_flag=True, help="One line of JSON for each job, as the table has it."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("job", metavar="JOB")
@_where_and_how
def status(job: str, table: str | None, stack: str | None, *, as_json: bool) -> None:
    """Show what became of JOB: a job's id, or s3://bucket/key of its document, which means the newest version.

    Exit status: 0 there is such a job, however it ended; 1 there is none, or AWS could not be asked; 2 wrong usage.
    """
    try:
        record = _records(table, stack).get(job)
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(_as_json(record))
        return
    for name, value in _facts(record):
        shown = click.style(value, fg=_COLOURS.get(record.state)) if name == "state" else _line(value)
        click.echo(f"{name:<11}{shown}")


@click.command()
@click.option(
    "--state",
    type=click.Choice([*JobState], case_sensitive=False),
    metavar="STATE",
    help=f"Only jobs in this state: {', '.join(JobState)}.  [default: any]",
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@_where_and_how
def jobs(state: JobState | None, limit: int, table: str | None, stack: str | None, *, as_json: bool) -> None:
    """List jobs by the time they reached their state, newest first.

    Exit status: 0 also where there are none, 1 AWS could not be asked, 2 wrong usage.
    """
    try:
        found = list(_records(table, stack).list(state, limit=limit))
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        for record in found:
            click.echo(_as_json(record))
    elif found:
        _console().print(_listing(found))
    else:
        click.echo(f"No job is {state}." if state else "There are no jobs.")


def _records(table: str | None, stack: str | None) -> JobsTableReader:
    if table is None and stack is not None:
        try:
            table = read_outputs(boto3.Session().client("cloudformation"), [stack]).get(TABLE_OUTPUT)
        except (StackError, BotoCoreError) as error:
            raise click.ClickException(str(error)) from error
        if table is None:
            raise click.UsageError(f"Stack {stack} has no output {TABLE_OUTPUT}: name another, or give --table.")
    if table is None:
        raise click.UsageError(f"Name the jobs table by --table, or by --stack a stack with the output {TABLE_OUTPUT}.")
    return JobsTableReader.of_session(table)


def _as_json(record: JobRecord) -> str:
    return json.dumps(record.to_item(), ensure_ascii=False)


def _facts(record: JobRecord) -> Iterator[tuple[str, str]]:
    """What is known of a job, for a person."""
    facts = {
        "job": record.job_id,
        "state": record.state.value,
        "reason": record.reason,
        "document": _document(record),
        "version": record.version,
        "received": record.received_at,
        "submitted": record.submitted_at,
        "ended": record.ended_at,
        "answer" if record.state is JobState.COMPLETED else "error": record.outcome_location,
    }
    yield from ((name, value) for name, value in facts.items() if value)
    if record.overwritable:
        yield "note", "The bucket keeps no versions: the key may hold another document by now, which is another job."


def _listing(records: Iterable[JobRecord]) -> Table:
    listing = Table("since", "state", "job", "document", "reason", box=None, pad_edge=False)
    for record in records:
        cells = (record.updated_at, record.state.value, record.job_id, _document(record), record.reason)
        style = _COLOURS.get(record.state, "")
        # As Text: what somebody else wrote is no markup.
        listing.add_row(*(Text(_line(cell or ""), style=style if cell == record.state else "") for cell in cells))
    return listing


def _line(text: str) -> str:
    """What somebody else wrote, as one line that does nothing to a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _document(record: JobRecord) -> str | None:
    if record.bucket and record.key:
        return f"s3://{record.bucket}/{record.key}"
    return record.input_location


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNBOUNDED)
