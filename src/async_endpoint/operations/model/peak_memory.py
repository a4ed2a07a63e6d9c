"""The most memory that a container's processes have taken."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from types import TracebackType

_PAUSE_SECONDS = 0.1


class PeakMemory:
    """Measures a tree of processes while it is entered; `megabytes` is the result so far.

    Linux keeps the peak of each process (VmHWM, proc_pid_status(5)), so that a short one counts, too. The sum may be a
    little high: the processes need not have had their peaks at the same moment, and share some pages.

    Args:
        root: Id of the tree's first process.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="peak-memory", daemon=True)
        self.megabytes = 0

    def __enter__(self) -> Self:
        """Begins to measure."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Measures a last time."""
        self._stopping.set()
        self._thread.join()

    def _measure(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(_PAUSE_SECONDS)
            self.megabytes = max(self.megabytes, round(_peaks_of(self._root) / 1024))


def _peaks_of(root: int) -> int:
    """Returns the sum of the peaks of a process and its descendants that run now, in kB."""
    try:
        processes = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_peak_of(process.pid) for process in processes)


def _peak_of(pid: int) -> int:
    try:
        status = Path("/proc", str(pid), "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0
