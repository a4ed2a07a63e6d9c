"""Show how a run gets on: bars on a terminal, a line now and then anywhere else."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from async_endpoint.client import JobState

if TYPE_CHECKING:
    from rich.console import Console

    from async_endpoint.client import Job

_LINES = 10


class Bars:
    """Two bars, one for what was submitted and one for what has ended; for a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._submitted = self._progress.add_task("submitted", total=None)
        self._ended = self._progress.add_task("answered", total=None)

    def start(self, documents: int) -> None:
        """Draw the bars."""
        self._progress.update(self._submitted, total=documents)
        self._progress.update(self._ended, total=documents)
        self._progress.start()

    def submitted(self, job: Job) -> None:  # noqa: ARG002  # the bar counts, whatever the job
        """Move the first bar."""
        self._progress.advance(self._submitted)

    def ended(self, job: Job) -> None:
        """Move the second bar, and say what went wrong above it."""
        self._progress.advance(self._ended)
        if job.state is not JobState.COMPLETED:
            self._progress.console.print(str(job.error), style="red", markup=False, highlight=False)

    def stop(self) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()


class Lines:
    """About ten plain lines for each phase; for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._documents = 0
        self._counts = {"submitted": 0, "answered": 0}

    def start(self, documents: int) -> None:
        """Say how much there is to do."""
        self._documents = documents
        self._say(f"{documents} documents")

    def submitted(self, job: Job) -> None:  # noqa: ARG002  # the line counts, whatever the job
        """Count, and sometimes say so."""
        self._count("submitted")

    def ended(self, job: Job) -> None:
        """Count, sometimes say so, and always say what went wrong."""
        if job.state is not JobState.COMPLETED:
            self._say(str(job.error))
        self._count("answered")

    def stop(self) -> None:
        """Nothing is left to close."""

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
            count = self._counts[what]
            if count == self._documents or count % max(1, self._documents // _LINES) == 0:
                self._say(f"{what} {count}/{self._documents}")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)
