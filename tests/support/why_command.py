"""`async-endpoint why` as tests run it: its status, its document, its duration."""

import json
import time
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner

from async_endpoint.cli import main

Named = Callable[..., str]
MOST_SECONDS = 5.0
_QUIET_SECONDS = 90.0  # alarms look back over eight minutes or more, which are as many seconds


def why(*arguments: str, stage: str = "dev") -> tuple[int, dict[str, Any], float]:
    """Runs the command; returns its exit status, its document, and the seconds that it took."""
    began = time.monotonic()
    result = CliRunner().invoke(main, ["why", "--stage", stage, "--json", "--since", "10m", *arguments])
    return result.exit_code, json.loads(result.stdout), time.monotonic() - began


def said() -> str:
    """What the command prints for people."""
    return CliRunner().invoke(main, ["why", "--stage", "dev", "--since", "10m"]).stdout


def causes(stage: str = "dev") -> list[str]:
    """The causes that the command names, after a check of its status and its duration."""
    status, document, seconds = why(stage=stage)
    found = document["findings"]
    assert status == int(any(each["severity"] == "fault" for each in found))
    assert seconds < MOST_SECONDS
    return [each["cause"] for each in found]


def faults() -> list[dict[str, Any]]:
    return [each for each in why()[1]["findings"] if each["severity"] == "fault"]


def wait_until_quiet() -> None:
    """Waits until nothing is wrong: what was undone may still be in the metrics that alarms look back at."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while found := faults():
        assert time.monotonic() < deadline, found


def naming(lines: list[str]) -> Named:
    """Returns what waits until the command names a cause first, and returns its evidence; it adds to the lines."""

    def check(cause: str, what: str, *, within: float = 0.0) -> str:
        deadline = time.monotonic() + within
        while True:
            status, document, seconds = why()
            first = document["findings"][0] if document["findings"] else {"cause": "nothing", "severity": "normal"}
            if first["cause"] == cause or time.monotonic() >= deadline:
                break
        lines.append(f"{what:<42}{first['cause']:<28}{seconds:.1f} s")
        is_fault = first["severity"] == "fault"
        assert (first["cause"], status, document["not_read"]) == (cause, int(is_fault), []), (what, first)
        assert seconds < MOST_SECONDS, what
        assert first["fix"] or not is_fault, what
        return " ".join(first["evidence"])

    return check
