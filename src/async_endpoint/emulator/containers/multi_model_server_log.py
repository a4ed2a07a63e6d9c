"""What Multi Model Server 1.1.11 logs: which workers have the model, why none can load it, and what they print.

Its layout is that of the toolkit's log4j2.xml. A worker prints to its backend process's output until its load is
complete, and to its own afterwards. A worker is known by the id of its connection, the last part of the ids that
`GET /models/model` returns.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from async_endpoint.emulator.containers import container_log
from async_endpoint.emulator.containers.worker_errors import DIED, NOT_LOADED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_JAVA = r"com\.amazonaws\.ml\.mms\.wlm"
_LOADED = re.compile(rf"^\S+ \[INFO *\] W-\S+-stdout {_JAVA}\.WorkerLifeCycle - Model \S+ loaded io_fd=\S+-(\w+)$")
_ENDED = re.compile(rf"^\S+ \[\w+ *\] \S+ {_JAVA}\.WorkerThread - \S*?-(\w+) Worker disconnected\.")
_WORKER_LINE = re.compile(rf"^\S+ \[\w+ *\] W-\S+-std(?:out|err) {_JAVA}\.WorkerLifeCycle - (.*)$")
# What every worker prints (mms/model_service_worker.py).
_OF_EVERY_WORKER = re.compile(
    r"model_service_worker started with args: |Listening on port: |\[PID\] ?\d+$|MMS worker started\.$|"
    r"Python runtime: |Connection accepted: |Model \S+ loaded io_fd=|Frontend disconnected\.$|Stopped Scanner - "
)
_LOAD_TIMEOUT = "Backend worker did not respond in given time"
# Errors of a worker whose server has gone; they say nothing of its model.
_DISCONNECTED = ("ValueError: Frontend disconnected", "ConnectionResetError: ", "BrokenPipeError: ")
_ENDS = 5  # workers that exited silently until none is expected to report a reason


class MultiModelServerLog:
    """Follows one container's log from its start; thread-safe.

    Args:
        log: The file, which may not exist yet.
        reports: The file of `worker_errors`.
    """

    def __init__(self, log: Path, reports: Path) -> None:
        self._log = container_log.Follower(log)
        self._reports = reports
        self._lock = threading.Lock()
        self._with_model: set[str] = set()

    def has_model(self, description: object, owns: Callable[[int], bool]) -> bool:
        """Returns whether a worker has loaded the model and still runs, idle or busy.

        Args:
            description: What the server says of the model, with its workers' connections.
            owns: Unused: the log is the container's own, and has the connections' ids.
        """
        del owns
        with self._lock:
            for line in self._log.new_lines():
                if loaded := _LOADED.match(line):
                    self._with_model.add(loaded[1])
                elif ended := _ENDED.match(line):
                    self._with_model.discard(ended[1])
            workers = description.get("workers", []) if isinstance(description, dict) else []
            return (
                any(worker["id"].rpartition("-")[2] in self._with_model for worker in workers)
                # Of the toolkit's handler service a worker counts as loaded when its load has failed.
                and not any(each.report == NOT_LOADED for each in container_log.reported_errors(self._reports))
            )


def load_failure(log: Path, reports: Path) -> str | None:
    """Returns why workers cannot load the model, before any has loaded it; None while that is not known.

    Args:
        log: The container's output.
        reports: The file of `worker_errors`.
    """
    # The first: a model's own process reports before the worker that waits for it.
    for each in container_log.reported_errors(reports):
        if each.report in (NOT_LOADED, DIED) and not each.error.startswith(_DISCONNECTED):
            return each.error
    lines = container_log.lines_of(log)
    if any(_LOAD_TIMEOUT in line for line in lines):
        return (
            "it did not load within the time that a response may take, which limits the load, too "
            "(SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS)"
        )
    ends = sum(_ENDED.match(line) is not None for line in lines)
    return "its worker process ended without an exception" if ends >= _ENDS else None


def worker_lines(log: Path) -> list[str]:
    """Returns what the workers printed, without the server's prefix and what it has every worker print."""
    printed = [match[1] for line in container_log.lines_of(log) if (match := _WORKER_LINE.match(line))]
    return [line for line in printed if not _OF_EVERY_WORKER.match(line)]
