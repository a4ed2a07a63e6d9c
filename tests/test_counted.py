"""A number and its noun agree, in every sentence that has them."""

import ast
import re
from pathlib import Path

import pytest

import async_endpoint
from async_endpoint.counted import counted

# A sentence such as f"{len(found)} jobs" is wrong for one.
BY_HAND = re.compile(r"(?<!of )\0 (documents|jobs|instances|alarms|queues|tickets|events|attempts|policies)\b")
FOLDER = Path(async_endpoint.__file__).parent


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 documents"), (1, "1 document"), (2, "2 documents"), (5000, "5,000 documents")]
)
def test_the_noun_follows_the_number(number: int, text: str) -> None:
    assert counted(number, "document") == text


def test_an_irregular_plural_is_given() -> None:
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize("part", ["cli", "client", "operations/diagnose"])
def test_no_command_makes_a_plural_by_hand(part: str) -> None:
    found = []
    for path in sorted((FOLDER / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(each.value) if isinstance(each, ast.Constant) else "\0" for each in node.values)
                found += [f"{path.name}:{node.lineno}: {text!r}" for _ in BY_HAND.finditer(text)]

    assert found == []
