"""A submission on the terminal: from its ticket to its exit status."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from async_endpoint.cli.aws_advice import ended
from async_endpoint.cli.counter import Counter, counter_on
from async_endpoint.cli.run_report import print_line
from async_endpoint.cli.run_session import (
    INTERRUPTED,
    argument_of,
    counts_of,
    discard_unsent,
    how_to_continue,
    waker,
)
from async_endpoint.client import (
    AsyncEndpointError,
    DocumentState,
    FolderError,
    JobState,
    RunOptions,
    Submission,
)

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import AsyncEndpoint, FolderWatch, Job, SubmissionSummary, Ticket

LOOK_SECONDS = 2.0
"""Between two looks at a folder: a file that stays as it is so long is complete."""


class SubmitProgress:
    """Counts the submitted documents, and prints a line for each that was rejected."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counter: Counter = counter_on(console, "submitted")

    def start(self, documents: int) -> None:
        """Shows the number of documents."""
        self._counter = counter_on(self._console, "submitted")
        self._counter.start(documents)

    def submitted(self, _: Job, /) -> None:
        """Counts."""
        self._counter.advance()

    def finished(self, job: Job, /) -> None:
        """Prints why a document was rejected."""
        if job.state is not JobState.COMPLETED:
            self._counter.report(str(job.error))

    def stop(self) -> None:
        """Ends the display."""
        self._counter.stop()


class SubmitSession:
    """Submits the documents of a ticket, and says what became of them.

    Args:
        ticket: The run's ticket, which is deleted if nothing was sent.
        endpoint: The run's endpoint.
        wake: Whether to wake a sleeping endpoint.
        own_file: Whether the user named the ticket's file.
        as_json: Whether to print a line of JSON; the summary then goes to standard error.
    """

    def __init__(self, ticket: Ticket, endpoint: AsyncEndpoint, *, wake: bool, own_file: bool, as_json: bool) -> None:
        self._ticket = ticket
        self._own_file = own_file
        self._as_json = as_json
        self._console = Console(stderr=True)
        options = RunOptions(
            progress=SubmitProgress(self._console),
            notify=self._notify,
            wake=waker(ticket.settings, self._notify) if wake else None,
        )
        self._submission = Submission(ticket, endpoint, options)

    def submit(self) -> int:
        """Submits what waits, and returns the exit status.

        Raises:
            click.ClickException: The submission was broken off; the message says how to continue it.
        """
        try:
            self._submission.run()
        except KeyboardInterrupt:
            summary = self._submission.summary()
            advice = how_to_continue(self._ticket, "wait", own_file=self._own_file)
            click.echo(f"Interrupted after {summary}.{advice}", err=True)
            self._report(summary, error="Interrupted.")
            return INTERRUPTED
        except AsyncEndpointError as error:
            self._break_off(error)
        return self._end()

    def watch(self, watch: FolderWatch, folder: Path, *, pause: float = LOOK_SECONDS) -> int:
        """Submits each file of a folder once it is complete, until Ctrl-C, and returns the exit status.

        Args:
            watch: Finds the files.
            folder: The folder, as the files' paths spell it.
            pause: Seconds between two looks.

        Raises:
            click.ClickException: The submission was broken off, or the folder cannot be read.
        """
        try:
            while True:
                self._ticket.add(watch.look(), folder)
                if self._ticket.counts()[DocumentState.WAITING]:
                    self._submission.run()
                time.sleep(pause)
        except KeyboardInterrupt:
            return self._end()
        except (FolderError, AsyncEndpointError) as error:
            self._break_off(error)

    def _end(self) -> int:
        summary = self._submission.summary()
        if discard_unsent(self._ticket):
            click.echo(f"{summary}; nothing was sent", err=self._as_json)
        else:
            click.echo(f"{summary}; {self._next_step()}", err=self._as_json)
        self._report(summary)
        return 0 if summary.all_accepted else 1

    def _next_step(self) -> str:
        argument = argument_of(self._ticket, own_file=self._own_file)
        return f"run {self._ticket.settings.run}: `async-endpoint wait {argument}` waits for the outcomes"

    def _break_off(self, error: FolderError | AsyncEndpointError) -> NoReturn:
        summary = self._submission.summary() if counts_of(self._ticket) is not None else None
        if not self._ticket.settings.watch:
            advice = how_to_continue(self._ticket, "wait", own_file=self._own_file)
        elif discard_unsent(self._ticket):
            advice = " Nothing was sent."
        else:
            advice = " The ticket has what was submitted: watch the folder again by the same command."
        if summary:
            self._report(summary, error=str(error))
        raise click.ClickException(f"{ended(str(error))}{advice}") from error

    def _report(self, summary: SubmissionSummary, error: str | None = None) -> None:
        if self._as_json:
            print_line(self._ticket, summary.counts, seconds=summary.seconds, error=error)

    def _notify(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
