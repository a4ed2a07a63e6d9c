"""An uncaught error is in the function's log as the runtime of Lambda writes it, also if the function cannot start."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.emulator.conftest import Running
from tests.emulator.functions import create_function

HANDLER = """
def handler(event, context):
    raise ValueError("as asked")
"""
MODULE = """
raise RuntimeError("The environment variable TABLE is not set.")
"""
LATE = """
import time
def handler(event, context):
    time.sleep(60)
"""


@pytest.fixture
def logged(running: Running) -> Iterator[Callable[..., list[str]]]:
    """Invokes a function of this code and timeout; returns what its log then has."""
    functions, logs, names = running.client("lambda"), running.client("logs"), []

    def run(source: str, seconds: int = 30) -> list[str]:
        name = f"logged-{uuid.uuid4().hex[:12]}"
        create_function(functions, name, source, seconds=seconds)
        names.append(name)
        assert functions.invoke(FunctionName=name, Payload=b"{}")["FunctionError"] == "Unhandled"
        group = f"/aws/lambda/{name}"
        (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        return [event["message"] for event in events]

    yield run
    for name in names:
        functions.delete_function(FunctionName=name)


def test_an_uncaught_error_comes_before_its_traceback(logged: Callable[..., list[str]]) -> None:
    lines = logged(HANDLER)
    assert lines[1:3] == ["[ERROR] ValueError: as asked", "Traceback (most recent call last):"]
    assert lines[-3] == "ValueError: as asked"


def test_an_error_that_keeps_the_function_from_starting_is_in_its_log(logged: Callable[..., list[str]]) -> None:
    assert logged(MODULE)[1] == "[ERROR] Exception: The environment variable TABLE is not set."


def test_a_timeout_is_no_error_of_the_function(logged: Callable[..., list[str]]) -> None:
    lines = logged(LATE, seconds=1)
    assert "Task timed out after 1.00 seconds" in lines
    assert not any("[ERROR]" in line for line in lines)
