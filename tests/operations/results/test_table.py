"""A line of a run is a row: what is nested has dotted names, and the columns are those of all rows."""

import json
from typing import Any

import pytest

from async_endpoint.operations.results.table import TableError, columns_of, row_of
from tests.support.result_lines import FIELDS, line_with


def results_in(line: str) -> dict[str, Any]:
    """Returns the cells of the result."""
    return {name: cell for name, cell in row_of(line).items() if name.startswith("answer")}


@pytest.mark.parametrize(
    ("result", "cells"),
    [
        ({"total": {"amount": 12.5, "currency": "€"}}, {"answer.total.amount": 12.5, "answer.total.currency": "€"}),
        ({"items": [{"name": "tea"}, 2]}, {"answer.items": '[{"name": "tea"}, 2]'}),
        ({"empty": {}, "none": None, "list": []}, {"answer.empty": "{}", "answer.none": None, "answer.list": "[]"}),
        ({"a.b": 1, "a": {"b": 2}, "c\\": 3}, {"answer.a\\.b": 1, "answer.a.b": 2, "answer.c\\\\": 3}),
        ({"": {"": True}}, {"answer..": True}),
        ({"caf\udce9": 1, "caf\\udce9": 2}, {"answer.caf\\udce9": 1, "answer.caf\\\\udce9": 2}),
        ([1, "é"], {"answer": '[1, "é"]'}),
        ({}, {"answer": "{}"}),
        (7, {"answer": 7}),
        ("text", {"answer": "text"}),
        (None, {}),
        (b"not json", {"answer": "not json"}),
        (b"\xff", {"answer_base64": "/w=="}),
    ],
)
def test_a_result_has_a_cell_for_each_value(result: Any, cells: dict[str, Any]) -> None:
    assert results_in(line_with(result)) == cells


def test_the_other_cells_are_the_fields_of_the_line() -> None:
    row = row_of(line_with(None, state="FAILED", reason="It is bad."))

    assert row == {
        "file": "a.png",
        "inference_id": "1",
        "state": "FAILED",
        "output_location": None,
        "failure_location": None,
        "reason": "It is bad.",
        "seconds": 1.5,
    }


def test_the_columns_are_those_of_all_rows_in_an_order_that_does_not_depend_on_that_of_the_rows() -> None:
    rows = [row_of(line_with(result)) for result in ({"z": 1, "a": {"b": 2}}, 3, {"m": 4}, b"\xff", None)]

    expected = [*FIELDS, "answer", "answer.a.b", "answer.m", "answer.z", "answer_base64", "content_type", "seconds"]
    assert columns_of(rows) == columns_of(reversed(rows)) == expected
    assert columns_of([]) == [*FIELDS, "seconds"]


def test_a_result_that_is_nested_too_deep_is_a_sentence() -> None:
    depth = 200_000
    line = line_with(None).replace('"answer": null', f'"answer": {"[" * depth}{"]" * depth}')

    with pytest.raises(TableError, match="nested too deep for a table: write --format jsonl"):
        row_of(line)


def test_objects_as_deep_as_a_line_may_have_are_flat() -> None:
    depth = 300
    line = line_with(json.loads('{"a":' * depth + "1" + "}" * depth))

    assert results_in(line) == {"answer" + ".a" * depth: 1}
