"""`async-endpoint status` and `async-endpoint jobs`: the records of the jobs table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from async_endpoint.cli.aws_session import reading_session
from async_endpoint.cli.job_cost import CostOptions, cost_lines, cost_options, endpoint_of, period_of, read_cost
from async_endpoint.cli.job_history import history_lines
from async_endpoint.cli.one_line import one_line
from async_endpoint.cli.option_group import option_group
from async_endpoint.cli.workflow_options import stack_of, stage_option
from async_endpoint.client import AsyncEndpointError, JobsTableReader
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from async_endpoint.protocol import JobRecord

TABLE_OUTPUT = "JobsTableName"
"""The stack output with the name of the jobs table."""

_COLOURS = {
    JobState.COMPLETED: "green",
    JobState.FAILED: "red",
    JobState.EXPIRED: "yellow",
    JobState.CANCELLED: "magenta",
}
_UNBOUNDED = 10_000  # columns, without a terminal


@dataclass(frozen=True)
class _Listed:
    """The values of the options that both commands have."""

    table: str | None
    stack: str | None
    stage: str | None
    as_json: bool

    def records(self) -> JobsTableReader:
        """Returns the jobs table that the options name.

        Raises:
            click.UsageError: They name none, or two.
            click.ClickException: The stack cannot be read.
        """
        table, stack = self.table, stack_of(self.stack, self.stage)
        session = reading_session()
        if table is None and stack is not None:
            try:
                table = read_outputs(session.client("cloudformation"), [stack]).get(TABLE_OUTPUT)
            except (StackError, BotoCoreError) as error:
                raise click.ClickException(str(error)) from error
            if table is None:
                raise click.UsageError(f"Stack {stack} has no output {TABLE_OUTPUT}: name another, or give --table.")
        if table is None:
            raise click.UsageError("Name the jobs table by --table, or by --stage or --stack.")
        return JobsTableReader.from_session(table, session)


_listed_options = option_group(
    "listed",
    _Listed,
    click.option("--table", metavar="NAME", help="The jobs table's name."),
    click.option("--stack", metavar="NAME", help=f"Read it from this stack's output {TABLE_OUTPUT}."),
    stage_option,
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each job: its record."),
)


@click.command(short_help="Show the record of a job.")
@click.argument("job", metavar="JOB")
@click.option("--history", is_flag=True, help="Show everything that happened to the job, in order.")
@_listed_options
def status(job: str, *, history: bool, listed: _Listed) -> None:
    """Show the record of JOB: a job's id, or s3://bucket/key of its document, which means the newest version.

    \b
    async-endpoint status s3://INPUT_BUCKET/inbox/invoice.pdf --stage dev
    async-endpoint status JOB --history --stage dev

    Exit status: 0 the job exists, in any state; 1 it does not, or an AWS call failed; 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        record = listed.records().get(job)
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error
    if history:
        click.echo("\n".join(history_lines(record, as_json=listed.as_json)))
        return
    if listed.as_json:
        click.echo(_to_json(record))
        return
    for name, value in _facts(record):
        shown = click.style(value, fg=_COLOURS.get(record.state)) if name == "state" else one_line(value)
        click.echo(f"{name:<11}{shown}")


@click.command()
@click.option(
    "--state",
    type=click.Choice([*JobState], case_sensitive=False),
    metavar="STATE",
    help=f"Only jobs in this state: {', '.join(JobState)}.  [default: any]",
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="List at most this many.")
@click.option("--cost", is_flag=True, help="Show the instance seconds of each job, and their sum.")
@cost_options
@_listed_options
def jobs(
    *,
    state: JobState | None,
    limit: int,
    cost: bool,
    options: CostOptions,
    listed: _Listed,
) -> None:
    """List jobs by the time they reached their state, newest first. With --cost, those that the model processed.

    \b
    async-endpoint jobs --state FAILED --stage dev
    async-endpoint jobs --cost --since 1d --stage dev

    Exit status: 0 even if there are none, 1 an AWS call failed, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if cost:
        now = datetime.now(UTC)
        period = period_of(options, now)
        records = listed.records()
        endpoint = endpoint_of(options.endpoint, listed.stack, listed.stage)
        total, charged = read_cost(records, endpoint, period, now)
        shown = [record for record in charged if state in {None, record.state}][:limit]
        click.echo("\n".join(cost_lines(total, shown, period, options.price, as_json=listed.as_json)))
        return
    if options != CostOptions(None, None, None, None):
        raise click.UsageError("--since, --month, --instance-price and --endpoint belong to --cost: give it, too.")
    try:
        found = list(listed.records().list(state, limit=limit))
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error
    if listed.as_json:
        for record in found:
            click.echo(_to_json(record))
    elif found:
        console = _console()
        console.print(_listing(found, with_bucket=not console.is_terminal))
    else:
        click.echo(f"No job is {state}." if state else "There are no jobs.")


def _to_json(record: JobRecord) -> str:
    return json.dumps(record.to_item(), ensure_ascii=False)


def _facts(record: JobRecord) -> Iterator[tuple[str, str]]:
    """Yields the known facts about a job, for people."""
    facts = {
        "job": record.job_id,
        "state": record.state.value,
        "waits": "for admission" if record.waits_for_admission else None,
        "attempt": str(record.attempt) if record.attempt > 1 else None,
        "cause": record.cause,
        "reason": record.reason,
        "document": _document(record),
        "version": record.version,
        "received": record.received_at,
        "submitted": record.submitted_at,
        "ended": record.ended_at,
        "result" if record.state is JobState.COMPLETED else "error": record.outcome_location,
        "if it runs": record.output_location if record.state is JobState.CANCELLED else None,
    }
    yield from ((name, value) for name, value in facts.items() if value)
    if record.overwritable:
        yield "note", "The bucket has no versioning: the key may contain another document by now, which is another job."


def _listing(records: Iterable[JobRecord], *, with_bucket: bool) -> Table:
    """Returns a table of jobs; on a terminal, the long name of a bucket would leave no room for the key."""
    # The time and the id stay whole where the columns are narrow: commands take them.
    columns = (Column("job", overflow="fold"), Column("document", overflow="fold"))
    listing = Table(Column("since", no_wrap=True), "state", *columns, "reason", box=None, pad_edge=False)
    for record in records:
        attempt = f" (attempt {record.attempt})" if record.attempt > 1 else ""
        waits = ", waits for admission" if record.waits_for_admission else ""
        state = Text(f"{record.state}{attempt}{waits}", style=_COLOURS.get(record.state, ""))
        document = _document(record) if with_bucket else record.key or _document(record)
        cells = (record.job_id, document, record.reason)
        # As Text: documents and reasons are not markup.
        listing.add_row(record.updated_at, state, *(Text(one_line(cell or "")) for cell in cells))
    return listing


def _document(record: JobRecord) -> str | None:
    if record.bucket and record.key:
        return f"s3://{record.bucket}/{record.key}"
    return record.input_location


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNBOUNDED)
