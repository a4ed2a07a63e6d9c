"""What TorchServe logs: which workers have the model, why none can load it, and what they print.

It prefixes what a worker prints with time, level, thread and MODEL_LOG. Who has the model is nowhere else: the
description of a model calls a worker READY as soon as its process responds, before the load is complete, and in 0.6.0
still does when the process is dead. It prints the time of each successful load (WorkerThread.setState), and each exit
of a worker, in the layout of the toolkit's log4j2.xml. Formats: 0.6.0, and where it differs 0.12.0.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path

from async_endpoint.emulator.containers import container_log
from async_endpoint.emulator.containers.worker_errors import DIED

# Of TorchServe 0.12.0.
LOAD_TIMEOUT_VARIABLE = "TS_DEFAULT_STARTUP_TIMEOUT"

_LOADED = re.compile(r"^\S+ \[INFO *\] W-(\d+)-\S+ TS_METRICS - (?:W-\1-\S+\.ms|WorkerLoadTime\.Milliseconds):")
_ENDED = re.compile(
    r"^\S+ \[\w+ *\] \S+ org\.pytorch\.serve\.wlm\.WorkerThread - (\d+) Worker disconnected\."
    # A worker that did not answer in time is given up before it is disconnected.
    r"|^\S+ \[\w+ *\] W-(\d+)-\S+ org\.pytorch\.serve\.wlm\.WorkerThread - Backend worker "
)


_WORKER_LINE = re.compile(r"^\S+ \[\w+ *\] W-\S+-stdout MODEL_LOG - (.*)$")
# What every worker prints (ts/model_service_worker.py, in 0.12.0 metrics/metric_cache_yaml_impl.py, too).
_OF_EVERY_WORKER = re.compile(
    r"s_name_part0=|Successfully loaded \S+metrics\.yaml\.$|Listening on port: |\[PID\]\d+$|Torch worker started\.$|"
    r"Python runtime: |Connection accepted: |model_name: .*, batchSize: |Backend received inference at: |"
    r"Frontend disconnected\.$"
)
_WORKER_ENDED = re.compile(r" - Stopped Scanner - W-\S+-stdout$")
_ENDS = 5  # workers that exited silently until none is expected to report a reason; about ten seconds
_ONE_TIMEOUT = "Torchserve version: 0.6."  # of the versions whose limit of a response limits the load, too
_LOAD_TIMEOUT = "Backend worker did not respond in given time"


class TorchServeLog:
    """Follows one container's log from its start; thread-safe.

    Args:
        log: The file, which may not exist yet.
    """

    def __init__(self, log: Path) -> None:
        self._log = container_log.Follower(log)
        self._lock = threading.Lock()
        self._with_model: set[int] = set()

    def has_model(self, description: object, owns: Callable[[int], bool]) -> bool:
        """Returns whether a worker has loaded the model and still runs, idle or busy.

        Args:
            description: What TorchServe says of the model: a list of its versions, with their workers.
            owns: Whether a process id is one of the container's; the port could be another container's.
        """
        models = description if isinstance(description, list) else []
        return self._have_model() and any(owns(worker["pid"]) for model in models for worker in model["workers"])

    def _have_model(self) -> bool:
        with self._lock:
            for line in self._log.new_lines():
                if loaded := _LOADED.match(line):
                    self._with_model.add(int(loaded[1]))
                elif ended := _ENDED.match(line):
                    self._with_model.discard(int(ended[1] or ended[2]))
            return bool(self._with_model)


def load_failure(log: Path, reports: Path) -> str | None:
    """Returns why workers cannot load the model, before any has loaded it; None while that is not known.

    TorchServe restarts them for ever, and its /ping says healthy meanwhile.

    Args:
        log: The container's output.
        reports: The file of `worker_errors`.
    """
    died = [each.error for each in container_log.reported_errors(reports) if each.report == DIED]
    if died:
        return died[-1]
    lines = container_log.lines_of(log)
    ends = sum(_WORKER_ENDED.search(line) is not None for line in lines)
    if ends and any(_LOAD_TIMEOUT in line for line in lines):
        if not any(line.startswith(_ONE_TIMEOUT) for line in lines):
            return f"it did not load within the time that TorchServe allows ({LOAD_TIMEOUT_VARIABLE}, seconds)"
        return (
            "it did not load within the time that a response may take, which in TorchServe 0.6 limits the load, too "
            "(SAGEMAKER_MODEL_SERVER_TIMEOUT or SAGEMAKER_TS_RESPONSE_TIMEOUT, seconds)"
        )
    return "its worker process ended without an exception" if ends >= _ENDS else None


def worker_lines(log: Path) -> list[str]:
    """Returns what the workers printed, without TorchServe's prefix and what it has every worker print."""
    printed = [match[1] for line in container_log.lines_of(log) if (match := _WORKER_LINE.match(line))]
    return [line for line in printed if not _OF_EVERY_WORKER.match(line)]
