"""Partial batch responses, and one line of the log for each message."""

import importlib
import uuid
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.support.functions import Function


class NotNow(Exception):
    """An expected error."""


@pytest.fixture
def make(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], forget_modules: None
) -> Callable[[], Function]:
    """Makes a function that fails on some bodies, in two ways, and logs nothing for others."""
    del forget_modules  # the log belongs to this test
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", uuid.uuid4().hex)

    def process(body: str) -> str | None:
        if body == "later":
            raise NotNow("The endpoint does not accept requests.")
        if body == "bug":
            raise RuntimeError("oops")
        return None if body == "silent" else f"{body} is done."

    def make() -> Function:
        batch = importlib.import_module("shared.batch")
        return Function(SimpleNamespace(handler=batch.batch_handler(process, expected=(NotNow,))), capsys)

    return make


def test_only_failed_messages_stay_in_the_queue(make: Callable[[], Function]) -> None:
    assert make().process("a", "later", "bug", "b")[0] == [1, 2]


def test_a_batch_in_which_every_message_failed_is_a_valid_response(make: Callable[[], Function]) -> None:
    assert make().process("bug", "later")[0] == [0, 1]


def test_each_message_has_its_line(make: Callable[[], Function]) -> None:
    _, lines = make().process("a", "later", "bug", "silent")

    assert [(line["level"], line["message"], line["message_id"]) for line in lines] == [
        ("INFO", "a is done.", "0"),
        ("WARNING", "The endpoint does not accept requests. The message stays in the queue.", "1"),
        ("ERROR", "The message could not be processed and stays in the queue.", "2"),
    ]
    assert ["exception" in line for line in lines] == [False, False, True]
