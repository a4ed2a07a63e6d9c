"""The progress of one count: a bar on a terminal, about ten lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console

_LINES = 10


class Counter(Protocol):
    """Shows how much of something is done."""

    def start(self, total: int) -> None:
        """Begins to show, at zero."""

    def advance(self) -> None:
        """Counts one more."""

    def show(self, done: int, total: int | None) -> None:
        """Sets both numbers; a total of None leaves it as it is."""

    def report(self, text: str) -> None:
        """Prints an error beside the count."""

    def stop(self) -> None:
        """Ends the display."""


def counter_on(console: Console, what: str) -> Counter:
    """Returns a counter for a console: a bar on a terminal, lines elsewhere.

    Args:
        console: Where to show it.
        what: What is counted, such as `requested`.
    """
    return CountBar(console, what) if console.is_terminal else CountLines(console, what)


class CountBar:
    """A bar."""

    def __init__(self, console: Console, what: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._progress.add_task(what, total=None)

    def start(self, total: int) -> None:
        """Draws the bar."""
        self._progress.update(self._task, total=total)
        self._progress.start()

    def advance(self) -> None:
        """Moves the bar."""
        self._progress.advance(self._task)

    def show(self, done: int, total: int | None) -> None:
        """Sets the bar."""
        self._progress.update(self._task, completed=done, total=total)

    def report(self, text: str) -> None:
        """Prints an error above the bar."""
        self._progress.console.print(text, style="red", markup=False, highlight=False)

    def stop(self) -> None:
        """Stops drawing; the bar stays visible."""
        self._progress.stop()


class CountLines:
    """About ten plain lines, for logs."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._done = self._total = self._printed = 0

    def start(self, total: int) -> None:
        """Takes in the total."""
        self._total = total

    def advance(self) -> None:
        """Counts, and sometimes prints the count."""
        self.show(self._done + 1, None)

    def show(self, done: int, total: int | None) -> None:
        """Sets the count, and prints it after each tenth and at the end."""
        self._done, self._total = done, self._total if total is None else total
        if done > self._printed and (done >= self._total or done - self._printed >= max(1, self._total // _LINES)):
            self._printed = done
            self._print(f"{self._what} {done}/{self._total}")

    def report(self, text: str) -> None:
        """Prints an error."""
        self._print(text)

    def stop(self) -> None:
        """Does nothing: there is nothing to close."""

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)
