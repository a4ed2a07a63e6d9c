"""The reason of a failure, read from what a container printed.

Formats are those of TorchServe 0.6.0, which prefixes what a worker prints with time, level, thread and MODEL_LOG.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_WORKER_LINE = re.compile(r"^\S+ \[\w+ *\] (W-\S+-stdout) MODEL_LOG - (.*)$")
_WORKER_ENDED = re.compile(r" - Stopped Scanner - (W-\S+-stdout)$")
_ENDS = 5  # of workers, until none is expected to say more; TorchServe starts five within about ten seconds
_LOAD_TIMEOUT = "Backend worker did not respond in given time"
# What TorchServe's worker raises about an answer of its own; the model's exception stands before it.
_WORKERS_OWN = "RuntimeError: 500 - Unknown exception"
_PIP_ERROR = "ERROR: "
_JAVA_EXCEPTION = re.compile(r"^[\w.$]+(?:Exception|Error): ")


def load_failure(log: Path) -> str | None:
    """Why workers cannot load the model, before any had loaded it; None while that is not known.

    TorchServe starts them again and again, for ever, and its /ping says healthy meanwhile. It stops reading what a
    worker prints as soon as that is gone, so that every other traceback lacks its end: the next worker's may have it.
    """
    lines = _lines(log)
    said: dict[str, list[str]] = {}  # by each worker in its present life
    ends = 0
    for line in lines:
        if match := _WORKER_LINE.match(line):
            said.setdefault(match[1], []).append(match[2])
        elif match := _WORKER_ENDED.search(line):
            ends += 1
            found = [error for error in _exceptions(said.pop(match[1], [])) if error != _WORKERS_OWN]
            if found:
                return found[-1]
    if ends and any(_LOAD_TIMEOUT in line for line in lines):
        return (
            "it did not load within the time that an answer may take, which in TorchServe 0.6 is the load's too "
            "(SAGEMAKER_MODEL_SERVER_TIMEOUT or SAGEMAKER_TS_RESPONSE_TIMEOUT, seconds)"
        )
    return "its worker process ended without an exception" if ends >= _ENDS else None


def end_reason(log: Path) -> str:
    """Why the container itself ended: pip's error, the toolkit's exception, TorchServe's, or its last words."""
    lines = _lines(log)
    pip = [line.removeprefix(_PIP_ERROR) for line in lines if line.startswith(_PIP_ERROR)]
    java = [line for line in lines if _JAVA_EXCEPTION.match(line)]  # the first is the cause, the rest its consequences
    words = [line for line in lines if line.strip() and not line[0].isspace()]
    found = pip[-1:] or list(_exceptions(lines))[-1:] or java[:1] or words[-1:]
    return found[0] if found else "it printed nothing"


def port_clash(log: Path) -> bool:
    """Whether it ended because another program listens on one of its ports."""
    return any("Address already in use" in line for line in _lines(log))


def _exceptions(lines: Iterable[str]) -> Iterable[str]:
    """The last line, `Type: message`, of each traceback."""
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
