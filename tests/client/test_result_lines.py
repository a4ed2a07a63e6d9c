"""Each line is strict JSON, whatever the name or the result holds."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.client import JobResult
from async_endpoint.client.result_lines import LineFacts, line_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def reject(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def written(body: bytes, file: str = "a.png", content_type: str | None = "x/y") -> dict[str, Any]:
    facts = LineFacts(file=file, inference_id="1", state="COMPLETED")
    line = line_of(facts, JobResult(body, content_type, NOON))
    assert line.isascii()
    assert "\n" not in line
    record: dict[str, Any] = json.loads(line, parse_constant=reject)
    return record


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"total": [1, 2.5, null]}', {"total": [1, 2.5, None]}),
        (rb'{"text": "cut \ud83c"}', {"text": "cut \ud83c"}),
        ('"店"'.encode(), "店"),
        (b"null", None),
    ],
)
def test_json_is_the_answer_itself(body: bytes, answer: object) -> None:
    record = written(body)
    assert record["answer"] == answer
    assert not record.keys() & {"content_type", "answer_base64"}


@pytest.mark.parametrize(
    "body",
    [b"total: 7", b'{"p": NaN}', b"[-Infinity]", b"1e999", b"[" * 200_000 + b"]" * 200_000, b"9" * 5_000, b""],
    ids=["text", "NaN", "Infinity", "overflow", "deep", "long number", "empty"],
)
def test_what_is_not_json_for_every_reader_is_text(body: bytes) -> None:
    record = written(body)
    assert (record["answer"], record["content_type"]) == (body.decode(), "x/y")


@given(st.binary())
def test_every_result_can_be_read_back(body: bytes) -> None:
    record = written(b"\x93NUMPY" + body)
    assert record["answer"] is None
    assert base64.b64decode(record["answer_base64"]) == b"\x93NUMPY" + body


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_file_name_can_be_read_back(name: bytes) -> None:
    assert os.fsencode(written(b"1", file=os.fsdecode(name))["file"]) == name
