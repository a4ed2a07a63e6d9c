"""Commits the changes of several threads together: a commit waits for the disk, however little it has to write."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Change = Callable[[sqlite3.Connection], None]


class _Waiting:
    """A change that a thread waits for.

    Attributes:
        change: Makes it.
        is_over: Whether it is on disk, or has an error.
        error: Why it is not on disk.
    """

    def __init__(self, change: Change) -> None:
        self.change = change
        self.is_over = False
        self.error: Exception | None = None


class GroupCommit:
    """Makes changes that are on disk when `make` returns, as if each had a transaction of its own.

    The first thread commits. Those that arrive meanwhile wait for it, and one of them then commits what has arrived for
    all of them.

    Args:
        transaction: Begins a transaction, which ends with the context; an exception in it undoes its changes.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._transaction = transaction
        self._committing = Lock()
        self._waiting: list[_Waiting] = []

    def make(self, change: Change) -> None:
        """Makes a change, and returns when it is on disk.

        Raises:
            Exception: What the change or its commit raised; changes of other threads are not affected.
        """
        mine = _Waiting(change)
        self._waiting.append(mine)
        with self._committing:
            try:
                while not mine.is_over:
                    self._commit()
            except BaseException:  # Ctrl-C in this thread: its own change is not made, and those of others wait
                mine.is_over = True
                raise
        if mine.error is not None:
            raise mine.error

    def _commit(self) -> None:
        """Commits all that has arrived; whatever breaks it off, a change stays until it is over."""
        arrived = self._waiting[:]
        self._commit_together([each for each in arrived if not each.is_over])
        del self._waiting[: len(arrived)]

    def _commit_together(self, group: list[_Waiting]) -> None:
        try:
            with self._transaction() as database:
                for each in group:
                    each.change(database)
        except Exception as error:  # noqa: BLE001 - the thread of the change raises it
            if len(group) == 1:
                group[0].error = error
            else:
                for each in group:  # one that fails must not take the others with it
                    self._commit_together([each])
        for each in group:
            each.is_over = True
