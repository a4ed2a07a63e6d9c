"""The folder of the tickets of this machine's user."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.client.errors import TicketError
from async_endpoint.client.ticket import Ticket
from async_endpoint.client.ticket_rows import count_states, read_settings
from async_endpoint.client.ticket_schema import UNFINISHED, DocumentState, RunSettings, open_database

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class StoredRun:
    """A run as its ticket shows it.

    Attributes:
        path: The ticket.
        settings: The run's settings.
        counts: How many documents are in each state.
        published: Whether a file of results has the lines.
    """

    path: Path
    settings: RunSettings
    counts: Counter[DocumentState]
    published: bool

    @property
    def is_finished(self) -> bool:
        """Whether every document has an outcome, and its line is in the file of results, if the run writes one."""
        return (self.published or not self.settings.output) and not any(self.counts[state] for state in UNFINISHED)

    @property
    def awaits_its_file(self) -> bool:
        """Whether every document has an outcome, and the run's file of results lacks lines: `resume` writes it."""
        return lacks_file(self.settings, self.counts, published=self.published)


def lacks_file(settings: RunSettings, counts: Counter[DocumentState], *, published: bool) -> bool:
    """Returns whether a run is over, and the file of results that it was to write does not have all of its lines."""
    return bool(settings.output) and not published and not any(counts[state] for state in UNFINISHED)


def ticket_folder() -> Path:
    """Returns the folder of the tickets: $ASYNC_ENDPOINT_STATE/runs, or below $XDG_STATE_HOME or ~/.local/state."""
    if own := os.environ.get("ASYNC_ENDPOINT_STATE"):
        return Path(own) / "runs"
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "async-endpoint" / "runs"


def ticket_path(run: str) -> Path:
    """Returns the ticket of a run with that id.

    Raises:
        TicketError: It is no id of a run.
    """
    if not run or not all(letter.isalnum() or letter == "-" for letter in run):
        raise TicketError(f"{run!r} is not the id of a run: `async-endpoint runs` lists them.")
    return ticket_folder() / f"{run}.sqlite"


def stored_runs() -> Iterator[StoredRun | TicketError]:
    """Yields the runs of this machine, newest first; an error for each file that cannot be read."""
    for path in sorted(ticket_folder().glob("*.sqlite"), reverse=True):
        try:
            yield read_run(path)
        except TicketError as error:
            yield error


def read_run(path: Path) -> StoredRun:
    """Reads a ticket, also while another process uses it.

    Raises:
        TicketError: It cannot be read.
    """
    database = open_database(path, new=False, read_only=True)
    try:
        (published,) = database.execute("SELECT published FROM run").fetchone()
        return StoredRun(path, read_settings(database, path), count_states(database), bool(published))
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise TicketError(f"The ticket {path} cannot be read: {error}.") from error
    finally:
        database.close()


def newest_unfinished() -> Path:
    """Returns the ticket of the newest run that is not finished.

    Raises:
        TicketError: Every run is finished.
    """
    for found in stored_runs():
        if isinstance(found, StoredRun) and not found.is_finished:
            return found.path
    raise TicketError("Every run of this machine is finished: `async-endpoint runs` lists them.")


def newest() -> Path:
    """Returns the ticket of the newest run.

    Raises:
        TicketError: No run has a ticket.
    """
    for found in stored_runs():
        if isinstance(found, StoredRun):
            return found.path
    raise TicketError("There is no run on this machine: begin one by `async-endpoint submit` or `run`.")


def newest_watch(folder: Path, endpoint: str, region: str) -> Path | None:
    """Returns the ticket of the newest run that watches a folder for an endpoint; None without such a run."""
    for found in stored_runs():
        if isinstance(found, StoredRun) and is_watch_of(found.settings, folder, endpoint, region):
            return found.path
    return None


def is_watch_of(settings: RunSettings, folder: Path, endpoint: str, region: str) -> bool:
    """Returns whether a run watches this folder, whichever way it is spelled, for this endpoint."""
    if (settings.watch, settings.endpoint, settings.region) != (True, endpoint, region):
        return False
    return os.path.realpath(settings.folder) == os.path.realpath(folder)


def prune(days: int) -> list[StoredRun]:
    """Deletes the tickets of finished runs that were not written for so many days, and returns these runs.

    A ticket stays while no file has its lines, and while it says which files of a folder are submitted already.
    """
    before = time.time() - days * _SECONDS_A_DAY
    return [found for found in stored_runs() if isinstance(found, StoredRun) and _prune(found, before)]


def _prune(run: StoredRun, before: float) -> bool:
    """Deletes a ticket that is finished, old, and not in use; returns whether it did."""
    try:
        if not (run.is_finished and run.published) or run.settings.watch or run.path.stat().st_mtime >= before:
            return False
        ticket = Ticket.open(run.path)
    except (FileNotFoundError, TicketError):  # another process uses it, or was faster
        return False
    ticket.discard()
    return True
