"""The lines of a run as rows of a table, with a column for each value of a result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Cell = str | int | float | bool | None

RESULT = "answer"
"""The field of a line that has the result, and how the names of its columns begin."""

_BEFORE = ("file", "inference_id", "state", "output_location", "failure_location", "reason")
_AFTER = ("answer_base64", "content_type", "seconds")
_ALWAYS = {*_BEFORE, "seconds"}


class TableError(ValueError):
    """A result that no table can have; the message is one sentence."""


def row_of(line: str) -> dict[str, Cell]:
    """Returns the cells of a line by column.

    A member of a nested object has a dotted name, such as `answer.total.amount`; a dot or a backslash in a member's own
    name has a backslash before it, and a lone surrogate is escaped. A list is JSON text, and so is an empty object.

    Args:
        line: Of a run, as `line_of` writes it.

    Raises:
        TableError: The result is nested too deep.
    """
    try:
        record: dict[str, Any] = json.loads(line)
        result = record.pop(RESULT)
        row: dict[str, Cell] = record
        if result is not None:
            row.update(_flat(RESULT, result))
    except RecursionError as error:
        message = "A result is nested too deep for a table: write --format jsonl, which has it as it is."
        raise TableError(message) from error
    return row


def columns_of(rows: Iterable[dict[str, Cell]]) -> list[str]:
    """Returns the columns of all rows: the fields of a line in their order, those of the results sorted by name."""
    found = set(_ALWAYS)
    for row in rows:
        found.update(row)
    of_results = sorted(found.difference(_BEFORE, _AFTER))
    return [*_BEFORE, *of_results, *(name for name in _AFTER if name in found)]


def printable(text: str) -> str:
    """Returns a text that UTF-8 can encode: a lone surrogate, as of a name that is not UTF-8, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _flat(name: str, value: Any) -> Iterator[tuple[str, Cell]]:
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend((f"{name}.{_escaped(key)}", member) for key, member in value.items())
        elif isinstance(value, (dict, list)):
            yield name, json.dumps(value, ensure_ascii=False, allow_nan=False)
        else:
            yield name, value


def _escaped(key: str) -> str:
    return printable(key.replace("\\", "\\\\").replace(".", "\\."))
