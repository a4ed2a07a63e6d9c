"""Finds the reason of a failure in a container's output.

The formats are TorchServe 0.6.0's, which prefixes a worker's lines with time, level, thread and MODEL_LOG.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_WORKER_LINE = re.compile(r"^\S+ \[\w+ *\] (W-\S+-stdout) MODEL_LOG - (.*)$")
_WORKER_ENDED = re.compile(r" - Stopped Scanner - (W-\S+-stdout)$")
_ENDS = 5  # workers that exited silently until none is expected to print a reason; about ten seconds
_LOAD_TIMEOUT = "Backend worker did not respond in given time"
# TorchServe's worker raises this about a response of its own; the model's exception comes before it.
_WORKERS_OWN = "RuntimeError: 500 - Unknown exception"
_PIP_ERROR = "ERROR: "
_JAVA_EXCEPTION = re.compile(r"^[\w.$]+(?:Exception|Error): ")


def load_failure(log: Path) -> str | None:
    """Returns why workers cannot load the model, before any has loaded it; None while that is not known.

    TorchServe restarts them for ever, and its /ping says healthy meanwhile. It stops reading a worker's output as soon
    as the worker exits, so that every other traceback lacks its end: the next worker's may have it.
    """
    lines = _lines(log)
    printed: dict[str, list[str]] = {}  # by each running worker
    ends = 0
    for line in lines:
        if match := _WORKER_LINE.match(line):
            printed.setdefault(match[1], []).append(match[2])
        elif match := _WORKER_ENDED.search(line):
            ends += 1
            found = [error for error in _exceptions(printed.pop(match[1], [])) if error != _WORKERS_OWN]
            if found:
                return found[-1]
    if ends and any(_LOAD_TIMEOUT in line for line in lines):
        return (
            "it did not load within the time that a response may take, which in TorchServe 0.6 limits the load, too "
            "(SAGEMAKER_MODEL_SERVER_TIMEOUT or SAGEMAKER_TS_RESPONSE_TIMEOUT, seconds)"
        )
    return "its worker process ended without an exception" if ends >= _ENDS else None


def end_reason(log: Path) -> str:
    """Returns why the container exited: pip's error, the toolkit's or TorchServe's exception, or its last line."""
    lines = _lines(log)
    pip = [line.removeprefix(_PIP_ERROR) for line in lines if line.startswith(_PIP_ERROR)]
    java = [line for line in lines if _JAVA_EXCEPTION.match(line)]  # the first is the cause, the rest its consequences
    last = [line for line in lines if line.strip() and not line[0].isspace()]
    found = pip[-1:] or list(_exceptions(lines))[-1:] or java[:1] or last[-1:]
    return found[0] if found else "it printed nothing"


def port_clash(log: Path) -> bool:
    """Returns whether it exited because another program listens on one of its ports."""
    return any("Address already in use" in line for line in _lines(log))


def _exceptions(lines: Iterable[str]) -> Iterable[str]:
    """Yields the last line, `Type: message`, of each traceback."""
    inside = False
    for line in lines:
        if line.startswith("Traceback (most recent call last):"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
            yield line


def _lines(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
