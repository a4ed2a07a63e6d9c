"""`async-endpoint results`: writes what is known of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.counter import Counter, counter_on
from async_endpoint.cli.run_report import in_words
from async_endpoint.cli.run_session import file_that_lacks_lines, shown, ticket_option, unwritable
from async_endpoint.cli.run_ticket import open_run, path_of
from async_endpoint.client import (
    AsyncEndpointError,
    RunOptions,
    TicketError,
    fetch_results,
    known_lines,
)
from async_endpoint.client.ticket_schema import UNFINISHED
from async_endpoint.client.ticket_store import newest
from async_endpoint.counted import counted
from async_endpoint.operations.results.csv_table import write_csv
from async_endpoint.operations.results.table import TableError
from async_endpoint.replaced_file import replacing

if TYPE_CHECKING:
    from async_endpoint.client import AsyncEndpoint, Job, Ticket

Writer = Callable[[IO[bytes], Callable[[], Iterable[str]]], None]

_FORMATS = ("jsonl", "csv", "parquet")


class FetchProgress:
    """Counts the fetched outcomes."""

    def __init__(self) -> None:
        self._counter: Counter = counter_on(Console(stderr=True), "fetched")

    def start(self, documents: int) -> None:
        """Shows the number of queued documents, if there are any."""
        if documents:
            self._counter.start(documents)

    def submitted(self, job: Job, /) -> None:
        """Does nothing: it was submitted before."""

    def finished(self, _: Job, /) -> None:
        """Counts."""
        self._counter.advance()

    def stop(self) -> None:
        """Ends the display."""
        self._counter.stop()


@click.command(short_help="Write what is known of a run as JSON Lines, CSV or Parquet.")
@click.argument("run", required=False)
@ticket_option
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="Of the file.  [default: by the suffix of --output, else jsonl]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; an old one is replaced if there are lines.  [default: standard output]",
)
@click.pass_context
def results(
    context: click.Context, *, run: str | None, ticket_file: Path | None, form: str | None, output: Path | None
) -> None:
    """Write what is known now of RUN, or of the newest run.

    Fetches the results that exist and are not fetched yet, then writes a line for each document that the endpoint has
    accepted or that failed. Submits nothing and waits for nothing: `wait` and `resume` do.

    CSV and Parquet have a column for each value of a result, such as answer.total.amount. In CSV, a text that a
    spreadsheet would run as a formula has an apostrophe before it. Parquet needs the extra `parquet`.

    \b
    async-endpoint results
    async-endpoint results 20260131-093000-1a2b3c --output results.csv

    Exit status: 0 the lines are written, whatever the outcomes, 1 there are none, or not all results could be fetched,
    2 wrong usage or another process uses the ticket, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    form = form or (suffix if suffix in _FORMATS else "jsonl")
    write = _writer(form, output)
    ticket, endpoint, _ = open_run(path_of(run, ticket_file, newest), None)
    with closing(ticket):
        error = _fetch(ticket, endpoint)
        try:
            written = _write(ticket, output, write)
        except TicketError as unreadable:
            raise click.ClickException(str(unreadable)) from unreadable
        summary = f"{counted(ticket.counts().total(), 'document')}: {in_words(ticket.counts())}"
        if not written:
            rest = f"; {shown(output)} is as before" if output else ""
            click.echo(f"{summary}; no document has a line yet{rest}.", err=True)
            context.exit(1)
        if output and form == "jsonl" and _keeps_all(output, ticket):
            ticket.published()
        click.echo(f"{summary}; see {shown(output)}" if output else summary, err=output is None)
        if missing := file_that_lacks_lines(ticket, own_file=ticket_file is not None):
            click.echo(missing, err=True)
        if error:
            raise click.ClickException(f"Not all results could be fetched: {error}")


def _writer(form: str, output: Path | None) -> Writer:
    """Returns what writes lines in a format.

    Raises:
        click.UsageError: Parquet cannot be written there, or not without pyarrow.
    """
    if form == "jsonl":
        return _write_lines
    if form == "csv":
        return write_csv
    if output is None:
        raise click.UsageError("Parquet is not for a terminal: name a file with --output.")
    try:
        from async_endpoint.operations.results.parquet_table import (  # noqa: PLC0415 - only Parquet needs pyarrow
            write_parquet,
        )
    except ModuleNotFoundError as error:
        raise click.UsageError(
            "Parquet needs pyarrow: install it with `pip install 'async-endpoint[parquet]'`, or write another --format."
        ) from error
    return write_parquet


def _keeps_all(output: Path, ticket: Ticket) -> bool:
    """Returns whether the file has the outcomes of a whole submission: a pipe and /dev/null keep nothing."""
    return output.is_file() and not (ticket.settings.output or any(ticket.counts()[state] for state in UNFINISHED))


def _write_lines(file: IO[bytes], lines: Callable[[], Iterable[str]]) -> None:
    for line in lines():
        file.write(f"{line}\n".encode("ascii"))


def _fetch(ticket: Ticket, endpoint: AsyncEndpoint) -> AsyncEndpointError | None:
    """Fetches what there is; returns why that is not all."""
    try:
        fetch_results(ticket, endpoint, RunOptions(progress=FetchProgress()))
    except AsyncEndpointError as error:
        return error
    return None


def _write(ticket: Ticket, output: Path | None, write: Writer) -> bool:
    """Writes the lines; returns whether there are any, else nothing was touched.

    Raises:
        click.ClickException: The file cannot be written, or a result does not fit into a table.
    """
    lines = partial(known_lines, ticket)
    if next(lines(), None) is None:
        return False
    try:
        if output is None:
            write(sys.stdout.buffer, lines)
            sys.stdout.buffer.flush()
            return True
        with replacing(output) as file:
            write(file, lines)
    except TableError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        if output is None:
            raise
        raise unwritable(output, error) from error
    return True
