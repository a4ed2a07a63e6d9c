"""Reads from TorchServe's output which workers have the model.

TorchServe 0.6.0 reports it nowhere else: its description of a model calls a worker READY as soon as its process
responds, before the load is complete, and still does when the process is dead. It prints the time of each successful
load (WorkerThread.setState), and each exit of a worker, in the layout of the toolkit's log4j2.xml.
"""

import re
import threading
from pathlib import Path

_LOADED = re.compile(rb"^\S+ \[INFO *\] W-(\d+)-\S+ TS_METRICS - W-\1-\S+\.ms:")
_ENDED = re.compile(
    rb"^\S+ \[\w+ *\] \S+ org\.pytorch\.serve\.wlm\.WorkerThread - (\d+) Worker disconnected\."
    # A worker that did not answer in time is given up before it is disconnected.
    rb"|^\S+ \[\w+ *\] W-(\d+)-\S+ org\.pytorch\.serve\.wlm\.WorkerThread - Backend worker "
)


class WorkerLog:
    """Follows one container's log from its start; thread-safe.

    Args:
        log: The file, which may not exist yet.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._read = 0
        self._with_model: set[int] = set()

    def has_model(self) -> bool:
        """Returns whether a worker has loaded the model and still runs, idle or busy."""
        with self._lock:
            for line in self._new_lines():
                if loaded := _LOADED.match(line):
                    self._with_model.add(int(loaded[1]))
                elif ended := _ENDED.match(line):
                    self._with_model.discard(int(ended[1] or ended[2]))
            return bool(self._with_model)

    def _new_lines(self) -> list[bytes]:
        """Returns the whole lines since the last call."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._read)
                whole, end, _ = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read += len(whole) + len(end)
        return whole.split(b"\n")
