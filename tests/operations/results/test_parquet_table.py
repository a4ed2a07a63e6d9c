"""The types of a Parquet file's columns follow their cells, and every cell is read back."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.support.result_lines import FIELDS, line_with

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: install the extra `parquet`")


def table_of(*lines: str) -> Any:
    from pyarrow import parquet  # noqa: PLC0415 - of the extra, which may be missing

    from async_endpoint.operations.results.parquet_table import write_parquet  # noqa: PLC0415 - it imports pyarrow

    file = io.BytesIO()
    write_parquet(file, lambda: iter(lines))
    assert not file.closed
    return parquet.read_table(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(
    ("values", "kind", "cells"),
    [
        ([1, None, -(2**63)], "int64", [1, None, -(2**63)]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([True, None, False], "bool", [True, None, False]),
        ([None, None], "string", [None, None]),
        (["=1", "caf\udce9"], "string", ["=1", "caf\\udce9"]),
        ([1, "1", True, 0.5], "string", ["1", "1", "true", "0.5"]),
        ([True, 1], "string", ["true", "1"]),
        ([2**63, 1], "string", [str(2**63), "1"]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([[1], []], "string", ["[1]", "[]"]),
    ],
)
def test_a_column_has_the_type_of_its_cells(values: list[object], kind: str, cells: list[object]) -> None:
    table = table_of(*(line_with({"v": value}) for value in values))

    assert str(table.schema.field("answer.v").type) == kind
    assert table.column("answer.v").to_pylist() == cells


def test_the_columns_are_those_of_all_lines_and_seconds_are_always_numbers() -> None:
    table = table_of(line_with({"b": 1}, seconds=None), line_with({"a": "x"}, seconds=None))

    assert table.column_names == [*FIELDS, "answer.a", "answer.b", "seconds"]
    assert str(table.schema.field("seconds").type) == "double"
    assert [(row["answer.a"], row["answer.b"], row["seconds"]) for row in table.to_pylist()] == [
        (None, 1, None),
        ("x", None, None),
    ]


def test_the_name_of_a_member_may_have_a_lone_surrogate() -> None:
    assert table_of(line_with({"caf\udce9": 1})).column("answer.caf\\udce9").to_pylist() == [1]


def test_many_lines_are_all_there_in_their_order() -> None:
    count = 12_000
    lines = [line_with({"number": number}) for number in range(count)]

    table = table_of(*lines)

    assert table.column("answer.number").to_pylist() == list(range(count))
