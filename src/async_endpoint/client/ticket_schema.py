"""The layout of a ticket, the SQLite file that remembers a run, and the facts in it."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from async_endpoint.client.errors import TicketError
from async_endpoint.protocol import S3Location

APPLICATION_ID = 0x61736570
"""SQLite's application_id of a ticket."""

SCHEMA_VERSION = 1

_OBJECT = b"s3://"

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE run (settings TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 0);
CREATE TABLE document (
    number INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT,
    inference_id TEXT NOT NULL UNIQUE,
    upload TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    output TEXT,
    failure TEXT,
    accepted_at TEXT,
    reason TEXT,
    line TEXT
) STRICT;
CREATE INDEX document_state ON document (state, number);
"""


class DocumentState(StrEnum):
    """The state of a document in a ticket.

    WAITING: not submitted. SUBMITTING: about to be, or submitted without a response. QUEUED: accepted by SageMaker.
    CANCELLED: a caller of the client cancelled its job, or the jobs table says that an operator did.
    """

    WAITING = "WAITING"
    SUBMITTING = "SUBMITTING"
    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


UNFINISHED = (DocumentState.WAITING, DocumentState.SUBMITTING, DocumentState.QUEUED)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a run needs to continue.

    Attributes:
        run: The run's id.
        started_at: ISO 8601 in UTC, on this machine's clock; for people.
        endpoint: The endpoint's name.
        region: Its region.
        inputs: The prefix of the uploads, `s3://bucket/prefix`.
        folder: The folder below which the documents are, absolute.
        output: The file of results, absolute; empty for a run that writes none.
        content_type: Of all documents; None if each is guessed.
        ttl: Seconds that a document may wait in the queue.
        invocation_timeout: Seconds that the model may take for one document.
        concurrency: Documents at once.
        watch: Whether the documents are those that appear in the folder, again and again.
    """

    run: str
    started_at: str
    endpoint: str
    region: str
    inputs: str
    folder: str
    output: str
    content_type: str | None
    ttl: int
    invocation_timeout: int
    concurrency: int
    watch: bool = False  # tickets of older releases have none

    def to_json(self) -> str:
        """Returns the settings as JSON; a path that is not UTF-8 has its surrogates escaped."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RunSettings:
        """Returns the settings of `to_json`.

        Raises:
            ValueError: The text is damaged.
        """
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A document of a ticket.

    Attributes:
        number: Its place in the run.
        path: Relative to the run's folder, or absolute, as the system spells it; `s3://bucket/key` for an object that
            is submitted where it is.
        size: Bytes, when the run began or when it was last sent.
        mtime_ns: When the file was last written, with `size`.
        sha256: Of the content that was sent; None before.
        inference_id: The id of its request.
        upload: Where the run uploads it; None for an object that is submitted where it is.
        state: Its state.
        attempts: How often it was submitted.
        output: The output location, from the 202.
        failure: The failure location, from the 202.
        accepted_at: When SageMaker accepted it, ISO 8601 on the service's clock.
        reason: Why there is no result.
    """

    number: int
    path: bytes
    size: int
    mtime_ns: int
    sha256: str | None
    inference_id: str
    upload: str | None
    state: DocumentState
    attempts: int
    output: str | None
    failure: str | None
    accepted_at: str | None
    reason: str | None

    @property
    def file(self) -> str:
        """Its name in a line: the path with slashes, or the object's URI."""
        text = os.fsdecode(self.path)
        return text if self.is_object else Path(text).as_posix()

    @property
    def is_object(self) -> bool:
        """Whether it is an object in S3; no path of a file begins so, because paths have no two slashes in a row."""
        return self.path.startswith(_OBJECT)

    def source(self, folder: Path) -> Path | S3Location:
        """Returns the document, below the run's folder unless its path is absolute."""
        text = os.fsdecode(self.path)
        return S3Location.from_uri(text) if self.is_object else folder / text


class Outcome(NamedTuple):
    """The outcome of a document.

    Attributes:
        number: The document's place in the run.
        state: COMPLETED, FAILED, EXPIRED or CANCELLED.
        line: Its line of results.
        reason: Why there is no result.
    """

    number: int
    state: DocumentState
    line: str
    reason: str | None


def open_database(path: Path | None, *, new: bool, read_only: bool = False) -> sqlite3.Connection:
    """Opens a ticket's database; without a path, one in memory. A new one has an open transaction.

    Raises:
        TicketError: The file is damaged, or no ticket, or of another version.
    """
    if path is None:
        address, uri = ":memory:", False
    else:
        address, uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc' if new else 'rw'}", True
    try:
        database = sqlite3.connect(address, uri=uri, isolation_level=None, check_same_thread=False, timeout=10)
    except sqlite3.Error as error:
        raise TicketError(f"The ticket {path} cannot be opened: {error}.") from error
    try:
        if not read_only:
            database.execute("PRAGMA journal_mode = WAL")
            # A transaction survives a power cut too: a document that was sent must not look unsent.
            database.execute("PRAGMA synchronous = FULL")
        if new:
            database.executescript(f"BEGIN; {SCHEMA}")  # the caller's rows belong to the same transaction
        _check(database, path)
    except sqlite3.Error as error:
        database.close()
        raise TicketError(f"{path} is damaged, is not the ticket of a run, or cannot be written: {error}.") from error
    except TicketError:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path | None) -> None:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise TicketError(f"{path} is not the ticket of a run: name one that `async-endpoint runs` lists.")
    if version != SCHEMA_VERSION:
        raise TicketError(
            f"{path} is a ticket of version {version}, and this release reads version {SCHEMA_VERSION}: continue the "
            "run with the release that began it."
        )
