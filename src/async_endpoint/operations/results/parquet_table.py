"""The lines of a run as a Parquet file.

It needs pyarrow, which the extra `parquet` installs.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import IO, TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from async_endpoint.operations.results.table import Cell, columns_of, printable, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ROWS = 5_000  # of a row group: what is in memory at a time
_INT64 = range(-(2**63), 2**63)
_EXACT_AS_DOUBLE = range(-(2**53), 2**53 + 1)


def write_parquet(file: IO[bytes], lines: Callable[[], Iterable[str]]) -> None:
    """Writes the lines as Parquet.

    A column of numbers is int64 or double, one of booleans is boolean, and one of text is string. So is a column of
    several kinds, or of integers that no such number has exactly; their cells that are not text are JSON.

    Args:
        file: Stays open.
        lines: Returns the lines, each time the same; called three times.

    Raises:
        TableError: A result is nested too deep.
        OSError: The file cannot be written.
    """
    columns = columns_of(map(row_of, lines()))
    kinds = {name: _Kind() for name in columns}
    for line in lines():
        for name, value in row_of(line).items():
            kinds[name].take(value)
    kinds["seconds"].take(0.0)  # also if no document has an outcome
    schema = pa.schema([(name, kinds[name].type) for name in columns])
    rows = map(row_of, lines())
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _ROWS)):
            cells = {each.name: _cells(each, (row.get(each.name) for row in batch)) for each in schema}
            writer.write_table(pa.table(cells, schema=schema))


def _cells(column: pa.Field, values: Iterable[Cell]) -> list[Cell]:
    """Returns cells as their column has them."""
    if not pa.types.is_string(column.type):
        return list(values)
    return [_text(value) for value in values]


def _text(value: Cell) -> str | None:
    if value is None:
        return None
    return printable(value) if isinstance(value, str) else json.dumps(value)


class _Kind:
    """Decides on the type of a column by its cells."""

    def __init__(self) -> None:
        self._types: set[type] = set()
        self._fits_int64 = self._fits_double = True

    def take(self, value: Cell) -> None:
        """Takes a cell into account."""
        if value is None:
            return
        self._types.add(type(value))
        if type(value) is int:
            self._fits_int64 = self._fits_int64 and value in _INT64
            self._fits_double = self._fits_double and value in _EXACT_AS_DOUBLE

    @property
    def type(self) -> pa.DataType:
        """The type of the column."""
        if self._types == {bool}:
            return pa.bool_()
        if self._types == {int} and self._fits_int64:
            return pa.int64()
        if self._types == {float} or (self._types == {int, float} and self._fits_double):
            return pa.float64()
        return pa.string()
