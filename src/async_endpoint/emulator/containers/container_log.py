"""Finds the reason of a failure in a container's output and in the reports of its workers."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PIP_ERROR = "ERROR: "
_JAVA_EXCEPTION = re.compile(r"^[\w.$]+(?:Exception|Error): ")


@dataclass(frozen=True)
class WorkerError:
    """An error that a worker reported; `worker_errors.install` writes them.

    Attributes:
        report: What the worker prints about it, `DIED`, `NOT_SENT` or `NOT_LOADED`.
        error: The exception, as `Type: message`.
        functions: The functions of its traceback, the innermost last.
        traceback: The lines of its traceback.
    """

    report: str
    error: str
    functions: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()


class Follower:
    """Reads a file that grows.

    Args:
        log: The file, which may not exist yet.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0

    def new_lines(self) -> list[str]:
        """Returns the whole lines since the last call."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._read)
                whole, end, _ = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read += len(whole) + len(end)
        return whole.decode("utf-8", "replace").split("\n")


def reported_errors(file: Path) -> list[WorkerError]:
    """Returns what a container's workers have reported so far."""
    members = [json.loads(line) for line in lines_of(file)]
    return [
        WorkerError(each["report"], each["error"], tuple(each["functions"]), tuple(each["traceback"].splitlines()))
        for each in members
    ]


def has_line(log: Path, beginning: str) -> bool:
    """Returns whether a line of the output begins with a text."""
    return any(line.startswith(beginning) for line in lines_of(log))


def end_reason(log: Path) -> str:
    """Returns why the container exited: pip's error, the toolkit's or TorchServe's exception, or its last line."""
    lines = lines_of(log)
    pip = [line.removeprefix(_PIP_ERROR) for line in lines if line.startswith(_PIP_ERROR)]
    java = [line for line in lines if _JAVA_EXCEPTION.match(line)]  # the first is the cause, the rest its consequences
    last = [line for line in lines if line.strip() and not line[0].isspace()]
    found = pip[-1:] or list(_exceptions(lines))[-1:] or java[:1] or last[-1:]
    return found[0] if found else "it printed nothing"


def port_clash(log: Path) -> bool:
    """Returns whether it exited because another program listens on one of its ports."""
    return any("Address already in use" in line for line in lines_of(log))


def _exceptions(lines: Iterable[str]) -> Iterable[str]:
    """Yields the last line, `Type: message`, of each traceback."""
    inside = False
    for line in lines:
        if line.startswith("Traceback (most recent call last):"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
            yield line


def lines_of(log: Path) -> list[str]:
    """Returns the lines of a file; none if there is no such file."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
