"""The progress of a run: bars on a terminal, a few lines elsewhere."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from async_endpoint.client import JobState
from async_endpoint.counted import counted

if TYPE_CHECKING:
    from rich.console import Console

    from async_endpoint.client import Job

_LINES = 10


class Bars:
    """Two bars for a terminal: submitted documents and finished documents."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._submitted = self._progress.add_task("submitted", total=None)
        self._finished = self._progress.add_task("finished", total=None)

    def start(self, documents: int) -> None:
        """Draws the bars."""
        self._progress.update(self._submitted, total=documents)
        self._progress.update(self._finished, total=documents)
        self._progress.start()

    def submitted(self, _: Job, /) -> None:
        """Moves the first bar."""
        self._progress.advance(self._submitted)

    def finished(self, job: Job, /) -> None:
        """Moves the second bar, and prints an error above the bars."""
        self._progress.advance(self._finished)
        if job.state is not JobState.COMPLETED:
            self._progress.console.print(str(job.error), style="red", markup=False, highlight=False)

    def stop(self) -> None:
        """Stops drawing; the bars stay visible."""
        self._progress.stop()


class Lines:
    """About ten plain lines for each phase, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._documents = 0
        self._counts = {"submitted": 0, "finished": 0}

    def start(self, documents: int) -> None:
        """Prints the number of documents."""
        self._documents = documents
        self._print(counted(documents, "document"))

    def submitted(self, _: Job, /) -> None:
        """Counts, and sometimes prints the count."""
        self._count("submitted")

    def finished(self, job: Job, /) -> None:
        """Counts, sometimes prints the count, and always prints an error."""
        if job.state is not JobState.COMPLETED:
            self._print(str(job.error))
        self._count("finished")

    def stop(self) -> None:
        """Does nothing: there is nothing to close."""

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
            count = self._counts[what]
            if count == self._documents or count % max(1, self._documents // _LINES) == 0:
                self._print(f"{what} {count}/{self._documents}")

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)
