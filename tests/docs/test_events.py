"""docs/events.md and the JSON schema say what the events hold, and its code verifies a webhook."""

import base64
import json
import re
import types
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.protocol import JobState
from notify.changes import Change
from notify.job_finished import DETAIL_TYPE, SCHEMA_VERSION, SOURCE, WEBHOOK, JobFinished
from notify.signature import Signer
from tests.support.stream import job
from tests.support.webhook import code_blocks, shown_verification

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs" / "job-finished.schema.json").read_text(encoding="utf-8"))
MEMBERS = [field.name for field in fields(JobFinished)]
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = 1_800_000_000
JSON_TYPES = {str: "string", int: "integer", types.NoneType: "null"}


def test_the_table_has_every_member_and_no_other() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE) == MEMBERS


def test_the_schema_has_every_member_with_its_type_and_no_other() -> None:
    hints = typing.get_type_hints(JobFinished)
    expected = {name: {JSON_TYPES[each] for each in typing.get_args(hint) or (hint,)} for name, hint in hints.items()}
    found = {name: each.get("type") for name, each in SCHEMA["properties"].items() if name != WEBHOOK}
    assert SCHEMA["required"] == list(found) == MEMBERS
    typed = {name: {*([kind] if isinstance(kind, str) else kind)} for name, kind in found.items() if kind}
    assert typed == {name: expected[name] for name in typed}
    assert expected.keys() - typed.keys() == {"schema_version", "state"}


def test_the_schema_knows_the_version_and_the_final_states() -> None:
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert SCHEMA["properties"]["state"] == {"enum": [state.value for state in JobState if state.is_final]}


def test_the_example_is_such_an_event() -> None:
    example = next(json.loads(each) for each in code_blocks("json") if DETAIL_TYPE in each)
    assert (example["source"], example["detail-type"]) == (SOURCE, DETAIL_TYPE)
    assert list(example["detail"]) == MEMBERS


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The function that the page shows, at the time NOW."""
    monkeypatch.setattr("time.time", lambda: NOW)
    return shown_verification()


def body(*, secret: str = SECRET, at: int = NOW) -> tuple[dict[str, Any], bytes]:
    change = Change(before=None, after=job(key="inbox/レシート.png", reason='"quoted" & <b>'), revision=2)
    detail = {**JobFinished.from_change(change, endpoint_name="receipts").to_detail()}
    envelope = Signer(secret=lambda: secret, clock=lambda: at).envelope(detail)
    assert set(envelope) == set(SCHEMA["properties"][WEBHOOK]["required"])
    return detail, json.dumps(envelope).encode()


def test_the_code_of_the_page_returns_the_detail_of_an_authentic_request(
    verified: Callable[..., dict[str, Any]],
) -> None:
    detail, sent = body()
    assert verified(sent, SECRET) == detail


def test_other_bytes_of_the_same_json_are_as_authentic(verified: Callable[..., dict[str, Any]]) -> None:
    detail, sent = body()
    rewritten = json.dumps(json.loads(sent), ensure_ascii=False, indent=2, sort_keys=True).encode()
    assert rewritten != sent
    assert verified(rewritten, SECRET) == detail


def test_each_of_two_keys_verifies_while_one_replaces_the_other(verified: Callable[..., dict[str, Any]]) -> None:
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()
    detail, sent = body(secret=f"{other} {SECRET}")
    assert verified(sent, SECRET) == verified(sent, other) == detail


@pytest.mark.parametrize("member", ["id", "timestamp", "payload", "signature"])
def test_a_changed_member_is_noticed(verified: Callable[..., dict[str, Any]], member: str) -> None:
    sent = json.loads(body()[1])
    sent[member] = {"timestamp": str(NOW + 1)}.get(member, sent[member] + " ")
    if member == "signature":
        sent[member] = "v1,bm90IGl0"
    with pytest.raises(ValueError, match="signature"):
        verified(json.dumps(sent).encode(), SECRET)


def test_a_request_of_another_key_is_rejected(verified: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="signature"):
        verified(body()[1], "whsec_" + base64.b64encode(b"x" * 32).decode())


@pytest.mark.parametrize(("age", "accepted"), [(86_700, True), (86_701, False)])
def test_an_old_request_is_rejected(verified: Callable[..., dict[str, Any]], age: int, *, accepted: bool) -> None:
    sent = body(at=NOW - age)[1]
    if accepted:
        assert verified(sent, SECRET)
    else:
        with pytest.raises(ValueError, match="too old"):
            verified(sent, SECRET)
