"""A JSON document member by member: equal to what json reads, whatever the chunks are, and in bounded memory."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.planner import json_stream
from async_endpoint.planner.json_stream import JsonStream, JsonStreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = {
    "a": 1,
    "b": {"c": [1, {"d": 'é"\\}'}], "e": -12345678901.5e-3},
    "": {},
    "f": None,
    "g": "x" * 40,
    "h": True,
}


def read(text: str) -> dict[str, Any]:
    stream = JsonStream(io.StringIO(text))
    found = {name: stream.value() for name in stream.members()}
    assert stream.next_character() == ""
    return found


def drawn(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(7 if depth < 3 else 4)
    if kind < 4:
        return [source.random() * 10**9, source.randrange(10**12), "".join(source.choices('"\\{}[],: é', k=9)), None][
            kind
        ]
    many = range(source.randrange(5))
    return [drawn(source, depth + 1) for _ in many] if kind == 4 else {f"k{i}": drawn(source, depth + 1) for i in many}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
def test_it_reads_what_json_reads(monkeypatch: pytest.MonkeyPatch, size: int, indent: int | None) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK_CHARACTERS", size)
    assert read(json.dumps(DOCUMENT, indent=indent)) == DOCUMENT


@pytest.mark.parametrize("seed", range(20))
def test_it_reads_what_json_reads_of_random_documents(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - a test
    monkeypatch.setattr(json_stream, "_CHUNK_CHARACTERS", source.randrange(1, 30))
    document = {f"m{index}": drawn(source) for index in range(9)}
    assert read(json.dumps(document, ensure_ascii=False)) == document


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_a_value_that_is_skipped_leaves_the_next(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK_CHARACTERS", size)
    stream = JsonStream(io.StringIO(json.dumps(DOCUMENT | {"last": 7})))
    for name in stream.members():
        if name == "last":
            assert stream.value() == 7
        else:
            stream.skip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a"',
        '{"a": 1',
        '{"a": 1,}',
        '{"a": 1 "b": 2}',
        '{"a" 1}',
        "{1: 2}",
        '{"a": tru}',
        '{"a": "',
        "<html>",
    ],
)
def test_what_is_no_json_object_is_an_error(text: str) -> None:
    with pytest.raises(JsonStreamError, match=r"it is no JSON|it ends early"):
        read(text)


def test_a_value_nested_too_deep_is_an_error() -> None:
    with pytest.raises(JsonStreamError, match="it is no JSON"):
        read('{"a": ' + "[" * 200_000)


def test_a_value_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK_CHARACTERS", 100)
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1_000)
    with pytest.raises(JsonStreamError, match="or one value has more than 1,000 characters"):
        read(json.dumps({"a": "x" * 5_000}))


class Endless:
    """An object with many small members, which is never in memory as a whole."""

    def __init__(self, members: int) -> None:
        self._parts = self._all(members)
        self.characters = 0

    def read(self, size: int, /) -> str:
        part = next(self._parts, "")
        assert len(part) <= size
        self.characters += len(part)
        return part

    @staticmethod
    def _all(members: int) -> Iterator[str]:
        yield "{"
        for number in range(members):
            yield f'{"," if number else ""}"k{number}": {{"text": "{"x" * 100_000}"}}'
        yield "}"


@pytest.mark.parametrize("skips", [True, False])
def test_the_memory_does_not_grow_with_the_document(*, skips: bool) -> None:
    file = Endless(1_000)
    stream = JsonStream(file)
    tracemalloc.start()
    try:
        if skips:
            stream.skip()
        else:
            assert sum(len(stream.value()["text"]) for _ in stream.members()) == 100_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.characters > 100_000_000
    assert peak < 2_000_000
