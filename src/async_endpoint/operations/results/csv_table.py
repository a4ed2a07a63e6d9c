"""The lines of a run as CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
from typing import IO, TYPE_CHECKING

from async_endpoint.operations.results.table import Cell, columns_of, printable, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet may take for a formula: OWASP's page on CSV injection, and ASVS 1.2.10."""


def write_csv(file: IO[bytes], lines: Callable[[], Iterable[str]]) -> None:
    """Writes the lines as CSV of RFC 4180, in UTF-8 with a header.

    Texts are in double quotes and numbers are not; null is an empty cell, and a boolean is `true` or `false`. A text
    that begins as a formula has an apostrophe before it, as OWASP advises: documents and models decide on texts, and a
    spreadsheet would run them.

    Args:
        file: Stays open.
        lines: Returns the lines, each time the same; called twice.

    Raises:
        TableError: A result is nested too deep.
        OSError: The file cannot be written.
    """
    columns = columns_of(map(row_of, lines()))
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_NONNUMERIC)
        writer.writeheader()
        for line in lines():
            writer.writerow({name: _cell(value) for name, value in row_of(line).items()})
    finally:
        text.detach()  # else the wrapper would close the file


def _cell(value: Cell) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
