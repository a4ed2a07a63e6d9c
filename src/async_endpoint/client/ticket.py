"""A run's ticket: what a run has done, so that another process can continue it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import fields
from threading import RLock
from typing import IO, TYPE_CHECKING, Any

from async_endpoint.client.errors import TicketError, TicketInUse
from async_endpoint.client.group_commit import GroupCommit
from async_endpoint.client.result_names import new_inference_id
from async_endpoint.client.ticket_rows import count_states, fill, insert, read_settings
from async_endpoint.client.ticket_schema import DocumentState, Entry, Outcome, RunSettings, open_database
from async_endpoint.file_lock import try_lock

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from async_endpoint.client.transport import Acceptance
    from async_endpoint.protocol import S3Location

_ENTRY = tuple(field.name for field in fields(Entry))
_PAGE = 500


class Ticket:
    """A ticket that this process uses; close it to release it. Its methods may be called from several threads.

    Each method is one transaction: after kill -9 the ticket has the state before or after it, and after it once the
    method has returned. Changes that several threads make at once share a commit.

    Attributes:
        path: The file; None for a ticket in memory.
        settings: The run's settings.

    Raises (all methods):
        TicketError: The disk is full, the file cannot be written, or it is damaged.
    """

    def __init__(
        self, path: Path | None, database: sqlite3.Connection, settings: RunSettings, lock: IO[bytes] | None
    ) -> None:
        self.path = path
        self.settings = settings
        self._database = database
        self._lock_file = lock
        self._lock = RLock()
        self._changes = GroupCommit(self._transaction)

    @classmethod
    def create(
        cls, path: Path | None, settings: RunSettings, documents: Iterable[Path | S3Location], folder: Path
    ) -> Ticket:
        """Makes the ticket of a new run.

        Args:
            path: The file, which must not exist; None keeps the ticket in memory.
            settings: The run's settings.
            documents: Files, and objects in S3.
            folder: The folder, as the documents' paths spell it; a path outside it is kept as it is.

        Raises:
            TicketError: There is such a file, or it cannot be written.
        """
        if path and path.exists():
            raise TicketError(f"There is a ticket {path} already: continue it by `async-endpoint resume --ticket`.")
        lock = _lock(path, new=True) if path else None
        try:
            database = open_database(path, new=True)
            try:
                fill(database, settings, documents, folder)
            except BaseException:
                database.close()
                raise
        except BaseException as error:
            if path:
                remove_files(path)  # half a ticket would look like a damaged one
            if lock:
                lock.close()
            if isinstance(error, sqlite3.Error):
                raise TicketError(f"The ticket {path} cannot be written: {error}.") from error
            raise
        return cls(path, database, settings, lock)

    @classmethod
    def open(cls, path: Path) -> Ticket:
        """Opens the ticket of an earlier run.

        Raises:
            TicketInUse: Another process uses it.
            TicketError: There is no such ticket, or it is damaged.
        """
        if not path.is_file():
            raise TicketError(f"There is no ticket {path}: `async-endpoint runs` lists those of this machine.")
        lock = _lock(path, new=False)
        try:
            database = open_database(path, new=False)
        except BaseException:
            lock.close()
            raise
        return cls(path, database, read_settings(database, path), lock)

    def add(self, documents: Iterable[Path | S3Location], folder: Path) -> None:
        """Adds documents, which wait; those that the ticket has already stay as they are.

        Args:
            documents: As for `create`.
            folder: As for `create`.
        """
        with self._transaction() as database:
            insert(database, documents, folder)

    def counts(self) -> Counter[DocumentState]:
        """Returns how many documents are in each state."""
        with self._transaction() as database:
            return count_states(database)

    def entries(self, *states: DocumentState) -> Iterator[Entry]:
        """Yields the documents in these states, by number; each as it is when it is read."""
        wanted = ", ".join("?" for _ in states)
        query = (
            f"SELECT {', '.join(_ENTRY)} FROM document WHERE state IN ({wanted}) AND number > ? ORDER BY number LIMIT ?"  # noqa: S608 - names of columns and question marks
        )
        last = 0
        while True:
            with self._transaction() as database:
                rows = database.execute(query, [*states, last, _PAGE]).fetchall()
            for row in rows:
                facts = dict(zip(_ENTRY, row, strict=True))
                yield Entry(**facts | {"state": DocumentState(facts["state"])})
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    def accepted_sibling(self) -> Entry | None:
        """Returns a document of the run whose 202 is known; None before the first."""
        with self._transaction() as database:
            query = f"SELECT {', '.join(_ENTRY)} FROM document WHERE output IS NOT NULL LIMIT 1"  # noqa: S608 - columns
            row = database.execute(query).fetchone()
        return None if row is None else Entry(**dict(zip(_ENTRY, row, strict=True)))

    def sent_nothing(self) -> bool:
        """Returns whether SageMaker cannot have taken any document of the run."""
        with self._transaction() as database:
            (taken,) = database.execute(
                "SELECT count(*) FROM document WHERE output IS NOT NULL OR state NOT IN ('WAITING', 'FAILED')"
            ).fetchone()
        return bool(taken == 0)

    def lines(self) -> Iterator[str]:
        """Yields the lines of the finished documents, by number."""
        last = 0
        while True:
            with self._transaction() as database:
                row = database.execute(
                    "SELECT number, line FROM document WHERE line IS NOT NULL AND number > ? ORDER BY number LIMIT 1",
                    [last],
                ).fetchone()
            if row is None:
                return
            last = row[0]
            yield row[1]

    def submitting(self, number: int, *, upload: str | None, size: int, mtime_ns: int, sha256: str | None) -> None:
        """Records that the document is about to be submitted, with what was uploaded; nothing for an object in S3."""
        self._set(
            number,
            "state = ?, attempts = attempts + 1, upload = ?, size = ?, mtime_ns = ?, sha256 = ?",
            [DocumentState.SUBMITTING, upload, size, mtime_ns, sha256],
        )

    def accepted(self, number: int, acceptance: Acceptance) -> None:
        """Records the 202."""
        failure = acceptance.failure_location
        self._set(
            number,
            "state = ?, output = ?, failure = ?, accepted_at = ?",
            [
                DocumentState.QUEUED,
                acceptance.output_location.uri,
                failure.uri if failure else None,
                acceptance.accepted_at.isoformat(),
            ],
        )

    def not_taken(self, number: int) -> None:
        """Records that SageMaker did not take the document: it waits again, under a new id and a new key."""
        self._set(number, "state = ?, inference_id = ?, upload = NULL", [DocumentState.WAITING, new_inference_id()])

    def finished(self, outcomes: Collection[Outcome]) -> None:
        """Records outcomes with their finished lines, which no file of results has yet."""

        def record(database: sqlite3.Connection) -> None:
            for number, state, line, reason in outcomes:
                printable = reason.encode("utf-8", "backslashreplace").decode() if reason else None
                _update(database, number, "state = ?, line = ?, reason = ?", [state, line, printable])
            database.execute("UPDATE run SET published = 0 WHERE published = 1")

        self._changes.make(record)

    def published(self) -> None:
        """Records that the file of results has the lines."""
        with self._transaction() as database:
            database.execute("UPDATE run SET published = 1")

    def is_published(self) -> bool:
        """Returns whether a file of results has the lines of all finished documents."""
        with self._transaction() as database:
            (published,) = database.execute("SELECT published FROM run").fetchone()
        return bool(published)

    def close(self) -> None:
        """Releases the ticket."""
        self._database.close()
        if self._lock_file:
            self._lock_file.close()

    def discard(self) -> None:
        """Deletes the ticket of a run that sent nothing."""
        self._database.close()
        if self.path:
            remove_files(self.path)  # before the lock is released, so that no other process opens it
        self.close()

    def _set(self, number: int, what: str, values: list[Any]) -> None:
        self._changes.make(lambda database: _update(database, number, what, values))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise TicketError(
                    f"The ticket {self.path} cannot be read or written: {error}. It has everything up to this step."
                ) from error
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


def _update(database: sqlite3.Connection, number: int, what: str, values: list[Any]) -> None:
    database.execute(f"UPDATE document SET {what} WHERE number = ?", [*values, number])  # noqa: S608 - columns


def remove_files(path: Path) -> None:
    """Deletes a ticket with the files that belong to it."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _lock(path: Path, *, new: bool) -> IO[bytes]:
    try:
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f"{path.name}.lock").open("ab")
        is_locked = try_lock(file)
    except OSError as error:
        raise TicketError(f"The ticket {path} cannot be written: {error.strerror}.") from error
    if not is_locked:
        file.close()
        raise TicketInUse(f"Another process uses the ticket {path}: wait until it has ended.")
    return file
