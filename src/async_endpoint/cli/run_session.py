"""What `async-endpoint run`, `resume` and `wait` share: a run from its ticket to its exit status."""

from __future__ import annotations

import errno
import shlex
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.aws_advice import ended
from async_endpoint.cli.aws_session import reading_session
from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.cli.run_report import print_line
from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    DocumentState,
    EndpointWaker,
    OutputInUse,
    RunInterrupted,
    RunOptions,
    TicketInUse,
    resume_run,
)
from async_endpoint.client.ticket_store import lacks_file

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from async_endpoint.client import Ticket
    from async_endpoint.client.ticket_schema import RunSettings

INTERRUPTED = 130  # the exit status that shells report after Ctrl-C

ticket_option = click.option(
    "--ticket",
    "ticket_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that remembers the run.  [default: one in the user's state folder]",
)


class InUse(click.ClickException):
    """Another process has the ticket or the output."""

    exit_code = 2


def finish(
    ticket: Ticket,
    endpoint: AsyncEndpoint,
    options: RunOptions,
    *,
    wake: bool,
    own_file: bool,
    as_json: bool,
    command: str = "resume",
) -> int:
    """Does what is left of a run, and returns the exit status.

    Args:
        ticket: The run's ticket, which is closed at the end, and deleted if the run sent nothing.
        endpoint: The run's endpoint.
        options: Without progress and notifications, which go to the terminal.
        wake: Whether to wake a sleeping endpoint.
        own_file: Whether the user named the ticket's file.
        as_json: Whether to print a line of JSON; the summary then goes to standard error.
        command: What continues the run if it is broken off: `resume`, or `wait`, which writes no file of results.

    Raises:
        click.ClickException: The run was broken off; the message says how to continue it.
    """
    console = Console(stderr=True)
    output = Path(ticket.settings.output) if ticket.settings.output and command != "wait" else None
    started = time.monotonic()

    def notify(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    options = replace(
        options,
        progress=Bars(console) if console.is_terminal else Lines(console),
        notify=notify,
        wake=waker(ticket.settings, notify) if wake else None,
    )

    def report(counts: Counter[DocumentState] | None, *, published: bool = False, error: str | None = None) -> None:
        file = str(output) if output and published else None
        if as_json:
            print_line(ticket, counts, seconds=time.monotonic() - started, output=file, error=error)

    try:
        summary = resume_run(ticket, endpoint, output, options)
    except RunInterrupted as interrupt:
        advice = how_to_continue(ticket, command, own_file=own_file)
        click.echo(f"Interrupted after {interrupt.summary}.{advice}", err=True)
        report(interrupt.summary.counts, error="Interrupted.")
        return INTERRUPTED
    except OutputInUse as error:
        discard_unsent(ticket)
        raise InUse(str(error)) from error
    except AsyncEndpointError as error:
        counts = counts_of(ticket)
        advice = how_to_continue(ticket, command, own_file=own_file)
        report(counts, error=str(error))
        raise click.ClickException(f"{ended(str(error))}{advice}") from error
    except OSError as error:  # after the client's own: its ResultTimeout is a TimeoutError too
        discard_unsent(ticket)
        raise unwritable(output or Path(), error) from error
    else:
        missing = file_that_lacks_lines(ticket, own_file=own_file)
        where = _where(ticket, output, published=summary.published)
    finally:
        ticket.close()
    click.echo("".join(f"{remark}\n" for remark in summary.remarks), err=True, nl=False)
    click.echo(f"{summary}; {where}", err=as_json)
    if missing and command == "wait":
        click.echo(missing, err=True)
    report(summary.counts, published=summary.published)
    return 0 if summary.all_completed else 1


def unwritable(output: Path, error: OSError) -> click.ClickException:
    """Returns the error of a file of results that cannot be written: exit status 2 if another place would do."""
    message = f"{shown(output)} cannot be written: {error.strerror}."
    if isinstance(error, BlockingIOError):
        return InUse(message)
    return (click.UsageError if _is_wrong_place(error) else click.ClickException)(message)


def not_usable(error: AsyncEndpointError) -> click.ClickException:
    """Returns the error of a ticket that cannot be opened: exit status 2 if it is in use, or in a wrong place."""
    if isinstance(error, TicketInUse):
        return InUse(str(error))
    return (click.UsageError if _is_wrong_place(error.__cause__) else click.ClickException)(str(error))


def _is_wrong_place(error: BaseException | None) -> bool:
    """Returns whether a file cannot be written because of where it is, such as in a read-only folder."""
    names_one = isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError))
    return names_one or (isinstance(error, OSError) and error.errno == errno.EROFS)


def how_to_continue(ticket: Ticket, command: str, *, own_file: bool) -> str:
    """Returns the sentence that names the command; deletes the ticket of a run that sent nothing."""
    if discard_unsent(ticket):
        return " Nothing was sent."
    argument = argument_of(ticket, own_file=own_file)
    return (
        " The endpoint works on what was sent, and the ticket remembers it: continue by "
        f"`async-endpoint {command} {argument}`."
    )


def argument_of(ticket: Ticket, *, own_file: bool) -> str:
    """Returns the argument that names a run to a command."""
    return f"--ticket {shlex.quote(shown(ticket.path or Path()))}" if own_file else ticket.settings.run


def file_that_lacks_lines(ticket: Ticket, *, own_file: bool) -> str | None:
    """Returns the sentence that says how to write the file of a run that is over; None if the file has its lines."""
    with suppress(AsyncEndpointError):
        is_over = lacks_file(ticket.settings, ticket.counts(), published=ticket.is_published())
        if is_over and not ticket.sent_nothing():
            file, argument = shown(Path(ticket.settings.output)), argument_of(ticket, own_file=own_file)
            return f"{file} does not have all of the run's lines: write it by `async-endpoint resume {argument}`."
    return None


def counts_of(ticket: Ticket) -> Counter[DocumentState] | None:
    """Returns how many documents are in each state; None if the ticket cannot be read, on a full disk for example."""
    with suppress(AsyncEndpointError):
        return ticket.counts()
    return None


def discard_unsent(ticket: Ticket) -> bool:
    """Deletes the ticket of a run that sent nothing; returns whether it did."""
    try:
        counts = ticket.counts()
        # The rejected files of a watched folder are not to be submitted again: the ticket has them.
        is_needed = bool(counts) if ticket.settings.watch else _is_over(ticket, counts)
        unsent = ticket.sent_nothing() and not is_needed
    except AsyncEndpointError:  # of a full disk: then nothing may be deleted
        return False
    if unsent:
        ticket.discard()
    return unsent


def _is_over(ticket: Ticket, counts: Counter[DocumentState]) -> bool:
    """Returns whether a file has the lines of all documents: then the ticket stays until `runs --prune`."""
    return ticket.is_published() and not counts[DocumentState.WAITING]


def _where(ticket: Ticket, output: Path | None, *, published: bool) -> str:
    """Returns where the results are, as the end of a sentence; deletes the ticket of a run that sent nothing."""
    if published:
        return f"see {shown(output or Path())}"
    discarded = discard_unsent(ticket)
    if output is None:
        return "nothing was sent" if discarded else f"the ticket {shown(ticket.path or Path())} has the results"
    if discarded:
        return f"nothing was sent, and of an earlier run is still {shown(output)}"
    return f"nothing was sent, and {shown(output)} is as before"


def shown(path: Path) -> str:
    """Returns a path as the user would write it, printable even where its name is not UTF-8."""
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return click.format_filename(path)


def waker(settings: RunSettings, notify: Callable[[str], None]) -> Callable[[int], None]:
    """Returns a function that wakes the endpoint for so many documents, and prints at most one line."""

    def wake(documents: int) -> None:
        if line := EndpointWaker(settings.endpoint, reading_session(settings.region)).wake(documents):
            notify(line)

    return wake
