"""The rows of a ticket: the run's settings, and a row for each document."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from typing import TYPE_CHECKING

from async_endpoint.client.errors import TicketError
from async_endpoint.client.result_names import new_inference_id
from async_endpoint.client.ticket_schema import DocumentState, RunSettings
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def read_settings(database: sqlite3.Connection, path: Path) -> RunSettings:
    """Returns the settings in a ticket.

    Raises:
        TicketError: They are damaged.
    """
    try:
        (text,) = database.execute("SELECT settings FROM run").fetchone()
        return RunSettings.from_json(text)
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise TicketError(f"The ticket {path} is damaged: {error}.") from error


def count_states(database: sqlite3.Connection) -> Counter[DocumentState]:
    """Returns how many documents are in each state."""
    rows = database.execute("SELECT state, count(*) FROM document GROUP BY state")
    return Counter({DocumentState(state): count for state, count in rows})


def fill(
    database: sqlite3.Connection, settings: RunSettings, documents: Iterable[Path | S3Location], folder: Path
) -> None:
    """Writes the rows of a new ticket, and ends the transaction that made it."""
    database.execute("INSERT INTO run (settings) VALUES (?)", [settings.to_json()])
    insert(database, documents, folder)
    database.execute("COMMIT")


def insert(database: sqlite3.Connection, documents: Iterable[Path | S3Location], folder: Path) -> None:
    """Adds documents, which wait; those that the ticket has already stay as they are."""
    database.executemany(
        "INSERT OR IGNORE INTO document (path, size, mtime_ns, inference_id, state) VALUES (?, ?, ?, ?, ?)",
        (_row(document, folder) for document in documents),
    )


def _row(document: Path | S3Location, folder: Path) -> tuple[bytes, int, int, str, DocumentState]:
    if isinstance(document, S3Location):
        return os.fsencode(document.uri), 0, 0, new_inference_id(), DocumentState.WAITING
    try:
        status = document.stat()
        size, mtime_ns = status.st_size, status.st_mtime_ns
    except OSError:  # the submission reports it
        size, mtime_ns = 0, 0
    path = os.fsencode(document.relative_to(folder) if document.is_relative_to(folder) else document)
    return path, size, mtime_ns, new_inference_id(), DocumentState.WAITING
