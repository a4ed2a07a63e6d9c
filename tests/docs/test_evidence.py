"""docs/evidence.md: each row has a source, says how sure it is, and names code and a test that are there."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.findings import FINDERS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "evidence.md"
CERTAINTIES = ("documented", "recorded", "reported", "open")
# Before a file or test that is not there yet; once it is, the mark is a mistake.
EXPECTED = "†"


@dataclass(frozen=True)
class Row:
    """One row: its name, what AWS does, the sources that it refers to, how sure that is, the code and the test."""

    name: str
    behaviour: str
    sources: tuple[str, ...]
    certainty: str
    code: str
    test: str


def rows_of(page: str) -> list[Row]:
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", page, re.MULTILINE)
    cells = [(name, [cell.strip() for cell in rest.split("|")]) for name, rest in found]
    return [
        Row(name, behaviour, tuple(re.findall(r"\[([^\]]+)\]", sources)), certainty, code, test)
        for name, (behaviour, sources, certainty, code, test) in cells
    ]


def mistakes(page: str) -> list[str]:
    """What is wrong with a page, a sentence each."""
    rows, defined = rows_of(page), dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", page, re.MULTILINE))
    used = {source for row in rows for source in row.sources}
    listed = set(re.findall(r"\[([^\]]+)\]", page.partition("## Sources")[2].partition("\n[")[0]))
    told = [
        *(f"{name} is there {count} times" for name, count in Counter(row.name for row in rows).items() if count > 1),
        *(
            f"{names[0]} and {names[1]} say the same"
            for behaviour in {row.behaviour for row in rows}
            if len(names := [row.name for row in rows if row.behaviour == behaviour]) > 1
        ),
        *(f"{source} is a source of no row" for source in defined if source not in used),
        *(f"{source} is not listed among the sources" for source in defined if source not in listed),
        *(f"{source} has no address" for source, url in defined.items() if not re.match(r"https://[\w.-]+\.\w+/", url)),
    ]
    return told + [f"{row.name}: {mistake}" for row in rows for mistake in mistakes_of(row, defined)]


def mistakes_of(row: Row, defined: dict[str, str]) -> Iterator[str]:
    if not row.behaviour:
        yield "it says nothing of AWS"
    if not row.sources:
        yield "it has no source"
    yield from (f"its source {source} is not defined" for source in row.sources if source not in defined)
    if row.certainty not in CERTAINTIES:
        yield f"how sure it is must be one of {', '.join(CERTAINTIES)}, not {row.certainty!r}"
    for what, cell in (("code", row.code), ("test", row.test)):
        expected = cell.startswith(EXPECTED)
        place = re.fullmatch(r"`([^`]+)`", cell.removeprefix(EXPECTED).strip())
        if place is None or ("::" in place[1]) != (what == "test"):
            yield f"its {what} is no {'test id' if what == 'test' else 'path'} in code quotes"
        elif is_there(place[1]) == expected:
            yield f"its {what} {place[1]} {'is there by now' if expected else 'is not there'}"


@cache
def is_there(place: str) -> bool:
    """Whether a path of the repository is a file and, where it names a test, defines that."""
    path, _, test = place.partition("::")
    file = ROOT / path
    return file.is_file() and ROOT in file.resolve().parents and (not test or test in defined_in(file))


@cache
def defined_in(file: Path) -> frozenset[str]:
    """The ids of the tests that a file defines, those of classes with the name of the class."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    scopes: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    scopes += [(f"{node.name}::", node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    return frozenset(
        f"{prefix}{node.name}"
        for prefix, body in scopes
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def test_each_row_has_a_source_a_certainty_code_and_a_test() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(rows_of(page)) > 60
    assert mistakes(page) == []


def test_every_table_row_of_the_page_is_read() -> None:
    """One with a cell too many or too few would be no row, and nobody would look at it."""
    page = PAGE.read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line.count("|") for line in lines] == [7] * len(rows_of(page))


def test_every_finding_of_a_recording_is_about_a_row() -> None:
    assert {*FINDERS} <= {row.name for row in rows_of(PAGE.read_text(encoding="utf-8"))}


TESTS = """# It has no def test_c().
def test_a(): ...

class Of:
    async def test_b(self): ...

TEXT = "def test_d(): ..."
"""
GOOD = """
| row | behaviour | source | how sure | coded in | test |
|---|---|---|---|---|---|
| `one` | It is so | [guide] | documented | `stacks/alarms.py` | `tests/test_one.py::test_a` |
| `two` | It is else | [guide], [other] | open | `stacks/alarms.py` | `tests/test_one.py::Of::test_b` |

## Sources

- [guide], [other]

[guide]: https://docs.example.com/guide
[other]: https://docs.example.com/other
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one file and two tests; what is in its text but no test is none."""
    monkeypatch.setattr("tests.docs.test_evidence.ROOT", tmp_path)
    is_there.cache_clear()
    for folder in ("stacks", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "stacks" / "alarms.py").touch()
    (tmp_path / "tests" / "test_one.py").write_text(
        TESTS,
        encoding="utf-8",
    )
    return tmp_path


def test_a_page_without_a_mistake_has_none(repository: Path) -> None:
    assert repository.is_dir()
    assert mistakes(GOOD) == []


@pytest.mark.parametrize(
    ("said", "instead", "mistake"),
    [
        ("`stacks/alarms.py` | `tests/test_one.py::test_a`", "`stacks/gone.py` | `tests/test_one.py::test_a`",
         "one: its code stacks/gone.py is not there"),
        ("`stacks/alarms.py` | `tests/test_one.py::test_a`", "`../alarms.py` | `tests/test_one.py::test_a`",
         "one: its code ../alarms.py is not there"),
        ("::test_a", "::test_c", "one: its test tests/test_one.py::test_c is not there"),
        ("::test_a", "::test_d", "one: its test tests/test_one.py::test_d is not there"),
        ("::test_a", "::test_b", "one: its test tests/test_one.py::test_b is not there"),
        ("test_one.py::test_a", "test_two.py::test_a", "one: its test tests/test_two.py::test_a is not there"),
        ("::test_a", "", "one: its test is no test id in code quotes"),
        ("| `tests/test_one.py::test_a` |", "| tests/test_one.py::test_a |", "one: its test is no test id"),
        ("It is so | [guide]", "It is so | the guide", "one: it has no source"),
        ("It is so | [guide]", "It is so | [gone]", "one: its source gone is not defined"),
        ("It is so", "", "one: it says nothing of AWS"),
        ("| documented |", "| sure |", "one: how sure it is must be one of"),
        ("`two`", "`one`", "one is there 2 times"),
        ("It is else", "It is so", "one and two say the same"),
        ("[guide], [other] | open", "[guide] | open", "other is a source of no row"),
        ("- [guide], [other]", "- [guide]", "other is not listed among the sources"),
        ("https://docs.example.com/other", "docs/other.md", "other has no address"),
        ("| `tests/test_one.py::test_a`", "| † `tests/test_one.py::test_a`",
         "one: its test tests/test_one.py::test_a is there by now"),
    ],
)  # fmt: skip
def test_each_mistake_of_a_page_is_told(repository: Path, said: str, instead: str, mistake: str) -> None:
    assert repository.is_dir()
    assert said in GOOD
    (told,) = mistakes(GOOD.replace(said, instead, 1))
    assert told.startswith(mistake)


def test_what_is_expected_may_be_missing(repository: Path) -> None:
    assert repository.is_dir()
    assert mistakes(GOOD.replace("| `tests/test_one.py::test_a`", "| † `tests/test_new.py::test_a`")) == []
