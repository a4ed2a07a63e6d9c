"""Changes of several threads share a commit, and each is on disk when its thread continues, whatever happens."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import DocumentState, RunSettings, Ticket
from async_endpoint.client.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

THREADS = 8


class Table:
    """A table of numbers, whose commits can be held up.

    Attributes:
        commits: The numbers that each commit wrote.
        before_commit: Called in each transaction, before its commit.
    """

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.before_commit: Callable[[], None] = lambda: None
        self.database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.database.execute("CREATE TABLE number (value INTEGER PRIMARY KEY)")
        self.changes = GroupCommit(self._transaction)

    def insert(self, value: int) -> None:
        def change(database: sqlite3.Connection) -> None:
            database.execute("INSERT INTO number VALUES (?)", [value])

        self.changes.make(change)

    def values(self) -> list[int]:
        return [value for (value,) in self.database.execute("SELECT value FROM number ORDER BY value")]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        before = set(self.values())
        self.database.execute("BEGIN")
        try:
            yield self.database
            self.before_commit()
            self.database.execute("COMMIT")
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.commits.append(sorted(set(self.values()) - before))


class HeldUp:
    """Holds up the first commit until other threads have arrived with their changes."""

    def __init__(self, table: Table) -> None:
        self._table, self._begun, self._goes_on = table, threading.Event(), threading.Event()
        table.before_commit = self._hold
        self.errors: dict[int, BaseException] = {}

    def run(self, first: Callable[[], None], *others: int) -> None:
        """Makes the first change, those of the others while it is committed, and waits for all."""
        threads = [threading.Thread(target=self._insert, args=(value,)) for value in others]
        leader = threading.Thread(target=first)
        leader.start()
        assert self._begun.wait(10)
        for thread in threads:
            thread.start()
        while len(self._table.changes._waiting) < len(others):
            self._begun.wait(0.001)
        self._goes_on.set()
        for thread in (leader, *threads):
            thread.join(10)

    def _hold(self) -> None:
        self._begun.set()
        assert self._goes_on.wait(10)

    def _insert(self, value: int) -> None:
        try:
            self._table.insert(value)
        except sqlite3.Error as error:
            self.errors[value] = error


def test_a_change_is_made_when_the_call_returns() -> None:
    table = Table()

    for value in range(3):
        table.insert(value)
        assert table.values() == list(range(value + 1))


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    table = Table()

    HeldUp(table).run(lambda: table.insert(0), 1, 2, 3)

    assert table.commits == [[0], [1, 2, 3]]


def test_a_change_that_fails_has_its_own_error_and_takes_no_other_with_it() -> None:
    table = Table()
    table.insert(2)
    held = HeldUp(table)

    held.run(lambda: table.insert(0), 1, 2, 3)

    assert table.values() == [0, 1, 2, 3]
    assert {value: str(error) for value, error in held.errors.items()} == {2: "UNIQUE constraint failed: number.value"}


def test_ctrl_c_in_the_thread_that_commits_stops_no_change_of_another() -> None:
    table = Table()
    interrupted: list[BaseException] = []
    held = HeldUp(table)
    hold = table.before_commit

    def first() -> None:
        try:
            table.insert(0)
        except KeyboardInterrupt as error:
            interrupted.append(error)

    def interrupt() -> None:
        hold()
        if not interrupted:
            raise KeyboardInterrupt

    table.before_commit = interrupt
    held.run(first, 1, 2)

    assert len(interrupted) == 1
    assert table.values() == [1, 2]


def test_ctrl_c_while_the_changes_of_others_are_committed_leaves_them_to_the_others() -> None:
    table = Table()
    held = HeldUp(table)
    hold, commits = table.before_commit, 0
    interrupted: list[BaseException] = []

    def interrupt_the_second() -> None:
        nonlocal commits
        hold()
        commits += 1
        if commits == 2:
            raise KeyboardInterrupt

    def insert(value: int) -> None:
        try:
            table.insert(value)
        except KeyboardInterrupt as error:
            interrupted.append(error)

    table.before_commit = interrupt_the_second
    held._insert = insert  # type: ignore[method-assign]
    held.run(lambda: table.insert(0), 1, 2, 3)

    assert len(interrupted) == 1
    assert len(table.values()) == 3, "only the change of the interrupted thread is missing"


SUBMITS = """
import os, sys, threading
from pathlib import Path
from async_endpoint.client import Acceptance, Ticket
from async_endpoint.protocol import S3Location
from datetime import datetime, UTC

ticket, threads = Ticket.open(Path(sys.argv[1])), int(sys.argv[2])
numbers = iter(range(1, 2_000))
lock = threading.Lock()

def submit():
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            threading.Event().wait()  # until it is killed
        ticket.submitting(number, upload=None, size=1, mtime_ns=1, sha256=None)
        os.write(1, b"I%d\\n" % number)  # from here on it is sent
        place = S3Location("outputs", f"{number}.out")
        ticket.accepted(number, Acceptance(str(number), place, None, datetime.now(UTC)))
        os.write(1, b"A%d\\n" % number)

for _ in range(threads):
    threading.Thread(target=submit).start()
"""


@pytest.mark.parametrize("steps", [1, 40, 301])
def test_after_kill_9_every_step_that_was_over_is_in_the_ticket(tmp_path: Path, steps: int) -> None:
    ticket = tmp_path / "ticket.sqlite"
    documents = [tmp_path / f"{number}.png" for number in range(2_000)]
    Ticket.create(ticket, SETTINGS, documents, tmp_path).close()

    with subprocess.Popen(
        [sys.executable, "-c", SUBMITS, str(ticket), str(THREADS)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        seen = [process.stdout.readline() for _ in range(steps)]
        process.kill()
        seen += process.stdout.readlines()

    assert process.returncode == -signal.SIGKILL
    with closing(Ticket.open(ticket)) as opened:
        states = {entry.number: entry.state for entry in opened.entries(*DocumentState)}
    intended = {int(line[1:]) for line in seen if line[0] == "I"}
    accepted = {int(line[1:]) for line in seen if line[0] == "A"}
    assert len(intended) >= steps / 2
    assert {states[number] for number in intended} <= {DocumentState.SUBMITTING, DocumentState.QUEUED}
    assert {states[number] for number in accepted} <= {DocumentState.QUEUED}


SETTINGS = RunSettings(
    run="R",
    started_at="2026-01-01T00:00:00+00:00",
    endpoint="receipts",
    region="us-east-1",
    inputs="s3://inputs/",
    folder="/",
    output="",
    content_type=None,
    ttl=600,
    invocation_timeout=60,
    concurrency=THREADS,
)
