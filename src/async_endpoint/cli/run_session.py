"""What `async-endpoint run` and `resume` share: a run from its ticket to its exit status."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import click
from rich.console import Console

from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    EndpointWaker,
    OutputInUse,
    RunInterrupted,
    RunOptions,
    TicketInUse,
    resume_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.client import Ticket
    from async_endpoint.client.ticket_schema import RunSettings

_INTERRUPTED = 130  # the exit status that shells report after Ctrl-C

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


def finish(ticket: Ticket, endpoint: AsyncEndpoint, options: RunOptions, *, wake: bool, own_file: bool) -> int:
    """Does what is left of a run, and returns the exit status.

    Args:
        ticket: The run's ticket, which is closed at the end, and deleted if the run sent nothing.
        endpoint: The run's endpoint.
        options: Without progress and notifications, which go to the terminal.
        wake: Whether to wake a sleeping endpoint.
        own_file: Whether the user named the ticket's file.

    Raises:
        click.ClickException: The run was broken off; the message says how to continue it.
    """
    console = Console(stderr=True)
    output = Path(ticket.settings.output)

    def notify(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    options = replace(
        options,
        progress=Bars(console) if console.is_terminal else Lines(console),
        notify=notify,
        wake=_wake(ticket.settings, notify) if wake else None,
    )
    try:
        summary = resume_run(ticket, endpoint, output, options)
    except RunInterrupted as interrupt:
        click.echo(f"Interrupted after {interrupt.summary}.{_how_to_continue(ticket, own_file=own_file)}", err=True)
        return _INTERRUPTED
    except OutputInUse as error:
        _discard_unsent(ticket)
        raise InUse(str(error)) from error
    except OSError as error:
        _discard_unsent(ticket)
        message = f"{_shown(output)} cannot be written: {error.strerror}."
        wrong_path = isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError))
        raise (click.UsageError if wrong_path else click.ClickException)(message) from error
    except AsyncEndpointError as error:
        raise click.ClickException(f"{error}{_how_to_continue(ticket, own_file=own_file)}") from error
    else:
        if not summary.published:
            _discard_unsent(ticket)
    finally:
        ticket.close()
    for remark in summary.remarks:
        notify(remark)
    where = "see" if summary.published else "nothing was sent, and of an earlier run is still"
    click.echo(f"{summary}; {where} {_shown(output)}")
    return 0 if summary.all_completed else 1


def not_usable(error: AsyncEndpointError) -> click.ClickException:
    """Returns the error of a ticket that cannot be opened: exit status 2 if another process uses it."""
    return InUse(str(error)) if isinstance(error, TicketInUse) else click.ClickException(str(error))


def _how_to_continue(ticket: Ticket, *, own_file: bool) -> str:
    """Returns the sentence that names the command; deletes the ticket of a run that sent nothing."""
    if _discard_unsent(ticket):
        return " Nothing was sent."
    argument = f"--ticket {shlex.quote(_shown(ticket.path or Path()))}" if own_file else ticket.settings.run
    return f" What was sent goes on, and the ticket has it: continue by `async-endpoint resume {argument}`."


def _discard_unsent(ticket: Ticket) -> bool:
    try:
        unsent = ticket.sent_nothing()
    except AsyncEndpointError:  # of a full disk: then nothing may be deleted
        return False
    if unsent:
        ticket.discard()
    return unsent


def _shown(path: Path) -> str:
    """Returns a path as the user would write it, printable even where its name is not UTF-8."""
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return click.format_filename(path)


def _wake(settings: RunSettings, notify: Callable[[str], None]) -> Callable[[int], None]:
    """Returns a function that wakes the endpoint for so many documents, and prints at most one line."""

    def wake(documents: int) -> None:
        if line := EndpointWaker(settings.endpoint, boto3.Session(region_name=settings.region)).wake(documents):
            notify(line)

    return wake
