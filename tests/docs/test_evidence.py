"""docs/evidence.md: each row has a source and a certainty, and names code and a test that exist."""

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
# Marks a file or test that does not exist yet; once it exists, the mark is a mistake.
EXPECTED = "†"


@dataclass(frozen=True)
class Row:
    """One row: its name, AWS's behaviour, the sources, the certainty, the code and the test."""

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
    """The mistakes of a page, one sentence each."""
    rows, defined = rows_of(page), dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", page, re.MULTILINE))
    used = {source for row in rows for source in row.sources}
    listed = set(re.findall(r"\[([^\]]+)\]", page.partition("## Sources")[2].partition("\n[")[0]))
    found = [
        *(f"{name} occurs {count} times" for name, count in Counter(row.name for row in rows).items() if count > 1),
        *(
            f"{names[0]} and {names[1]} say the same"
            for behaviour in {row.behaviour for row in rows}
            if len(names := [row.name for row in rows if row.behaviour == behaviour]) > 1
        ),
        *(f"{source} is a source of no row" for source in defined if source not in used),
        *(f"{source} is not listed among the sources" for source in defined if source not in listed),
        *(f"{source} has no address" for source, url in defined.items() if not re.match(r"https://[\w.-]+\.\w+/", url)),
    ]
    return found + [f"{row.name}: {mistake}" for row in rows for mistake in mistakes_of(row, defined)]


def mistakes_of(row: Row, defined: dict[str, str]) -> Iterator[str]:
    if not row.behaviour:
        yield "it has no behaviour"
    if not row.sources:
        yield "it has no source"
    yield from (f"its source {source} is not defined" for source in row.sources if source not in defined)
    if row.certainty not in CERTAINTIES:
        yield f"its certainty must be one of {', '.join(CERTAINTIES)}, not {row.certainty!r}"
    for what, cell in (("code", row.code), ("test", row.test)):
        expected = cell.startswith(EXPECTED)
        place = re.fullmatch(r"`([^`]+)`", cell.removeprefix(EXPECTED).strip())
        if place is None or ("::" in place[1]) != (what == "test"):
            yield f"its {what} is not a {'test id' if what == 'test' else 'path'} in code quotes"
        elif exists(place[1]) == expected:
            yield f"its {what} {place[1]} {'exists now' if expected else 'does not exist'}"


@cache
def exists(place: str) -> bool:
    """Whether a path of the repository is a file and, where it names a test, defines that."""
    path, _, test = place.partition("::")
    file = ROOT / path
    return file.is_file() and ROOT in file.resolve().parents and (not test or test in defined_in(file))


@cache
def defined_in(file: Path) -> frozenset[str]:
    """The ids of the tests that a file defines; those of a class start with its name."""
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
    """A row with a missing or additional cell would not be recognised, and never checked."""
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
    """A repository with one file and two tests; a function in a string or comment does not count."""
    monkeypatch.setattr("tests.docs.test_evidence.ROOT", tmp_path)
    exists.cache_clear()
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
         "one: its code stacks/gone.py does not exist"),
        ("`stacks/alarms.py` | `tests/test_one.py::test_a`", "`../alarms.py` | `tests/test_one.py::test_a`",
         "one: its code ../alarms.py does not exist"),
        ("::test_a", "::test_c", "one: its test tests/test_one.py::test_c does not exist"),
        ("::test_a", "::test_d", "one: its test tests/test_one.py::test_d does not exist"),
        ("::test_a", "::test_b", "one: its test tests/test_one.py::test_b does not exist"),
        ("test_one.py::test_a", "test_two.py::test_a", "one: its test tests/test_two.py::test_a does not exist"),
        ("::test_a", "", "one: its test is not a test id in code quotes"),
        ("| `tests/test_one.py::test_a` |", "| tests/test_one.py::test_a |", "one: its test is not a test id"),
        ("It is so | [guide]", "It is so | the guide", "one: it has no source"),
        ("It is so | [guide]", "It is so | [gone]", "one: its source gone is not defined"),
        ("It is so", "", "one: it has no behaviour"),
        ("| documented |", "| sure |", "one: its certainty must be one of"),
        ("`two`", "`one`", "one occurs 2 times"),
        ("It is else", "It is so", "one and two say the same"),
        ("[guide], [other] | open", "[guide] | open", "other is a source of no row"),
        ("- [guide], [other]", "- [guide]", "other is not listed among the sources"),
        ("https://docs.example.com/other", "docs/other.md", "other has no address"),
        ("| `tests/test_one.py::test_a`", "| † `tests/test_one.py::test_a`",
         "one: its test tests/test_one.py::test_a exists now"),
    ],
)  # fmt: skip
def test_each_mistake_of_a_page_is_reported(repository: Path, said: str, instead: str, mistake: str) -> None:
    assert repository.is_dir()
    assert said in GOOD
    (mistake_found,) = mistakes(GOOD.replace(said, instead, 1))
    assert mistake_found.startswith(mistake)


def test_a_marked_test_may_be_missing(repository: Path) -> None:
    assert repository.is_dir()
    assert mistakes(GOOD.replace("| `tests/test_one.py::test_a`", "| † `tests/test_new.py::test_a`")) == []
