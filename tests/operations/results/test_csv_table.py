"""CSV that a spreadsheet may open: no text is a formula, numbers are numbers, and a reader gets every cell."""

import csv
import io

import pytest

from async_endpoint.operations.results.csv_table import write_csv
from tests.support.result_lines import FIELDS, line_with


def written(*lines: str) -> str:
    file = io.BytesIO()
    write_csv(file, lambda: iter(lines))
    return file.getvalue().decode()


def cell(value: object) -> str:
    """Returns the text of a result's cell, as a reader gets it."""
    (row,) = csv.DictReader(io.StringIO(written(line_with({"v": value})), newline=""))
    return row["answer.v"]


@pytest.mark.parametrize("start", [*"=+-@\t\r\n\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert cell(f"a{start}1") == f"a{start}1"
    lines = [line_with(None, file=f"{start}.png", state="FAILED", reason=f"{start}1")]
    (row,) = csv.DictReader(io.StringIO(written(*lines), newline=""))
    assert (row["file"], row["reason"]) == (f"'{start}.png", f"'{start}1")


@pytest.mark.parametrize(
    ("value", "in_file"),
    [
        (-5, "-5"),
        (-0.25, "-0.25"),
        (2**70, str(2**70)),
        (1e-7, "1e-07"),
        (True, '"true"'),
        (False, '"false"'),
        (None, '""'),
        ("-5", '"\'-5"'),
        ("007", '"007"'),
        ('say "hi", twice\nplease', '"say ""hi"", twice\nplease"'),
        (["=1", 2], '"[""=1"", 2]"'),
        ("caf\udce9 é", '"caf\\udce9 é"'),
    ],
)
def test_numbers_stay_numbers_and_texts_are_quoted(value: object, in_file: str) -> None:
    assert written(line_with({"v": value})).endswith(f",{in_file},1.5\r\n")


def test_the_name_of_a_member_may_have_a_lone_surrogate() -> None:
    assert "answer.caf\\udce9" in written(line_with({"caf\udce9": 1})).splitlines()[0]


def test_every_row_has_every_column() -> None:
    text = written(line_with({"b": 1}), line_with({"a": 2}), line_with(None))

    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == [*FIELDS, "answer.a", "answer.b", "seconds"]
    assert [row[-3:-1] for row in rows] == [["", "1"], ["2", ""], ["", ""]]


def test_the_file_stays_open() -> None:
    file = io.BytesIO()
    write_csv(file, lambda: iter([line_with(1)]))

    assert not file.closed
