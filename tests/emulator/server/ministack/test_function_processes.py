"""After the end of functions no queue or stream is read for them, and none begins."""

import importlib
import threading
from typing import Any

import pytest

from async_endpoint.emulator.server.ministack import function_processes

POLLS = ("_poll_sqs", "_poll_kinesis", "_poll_dynamodb_streams")


def test_nothing_is_read_for_functions_and_none_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    lambda_svc: Any = importlib.import_module("ministack.services.lambda_svc")
    monkeypatch.setattr(function_processes, "_ended", threading.Event())
    monkeypatch.setattr(lambda_svc, "acquire_worker", lambda_svc.acquire_worker)  # put back afterwards
    for poll in POLLS:
        monkeypatch.setattr(lambda_svc, poll, lambda: pytest.fail("a queue or a stream was read"))
    assert not function_processes.functions_ended()

    function_processes.end_functions()

    assert function_processes.functions_ended()
    assert [getattr(lambda_svc, poll)() for poll in POLLS] == [False] * 3
    assert lambda_svc.acquire_worker("any", {}, b"") == (None, "func_cap")
