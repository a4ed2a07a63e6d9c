"""Starts and ends the process that draws a worker's documents (drawing_process.py)."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from drawing_protocol import OUT_OF_MEMORY, Connection, ConnectionBrokenError, OutOfTimeError

_PROGRAM = Path(__file__).resolve().with_name("drawing_process.py")
# It starts in 0.2 seconds; an instance that loads several models at once is slow.
_START_SECONDS = 30
# In which a process that closed its socket ends by itself.
END_SECONDS = 1.0
_POLL_SECONDS = 0.002
_HIGH_WATER_MARK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
# A library of the image may be found through the first; nothing else of the worker's environment is handed on.
_HANDED_ON = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE")


class DrawingStartError(Exception):
    """No drawing process could be started; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The process that draws documents does not start ({reason!a}): see the log, and give the instance more "
            "memory or fewer workers."
        )


@dataclass(frozen=True)
class Exit:
    """How a drawing process ended.

    Attributes:
        status: Its exit status, or the negative number of the signal that ended it.
        megabytes: The most memory that it had, as far as that is known.
    """

    status: int
    megabytes: float

    @property
    def out_of_memory(self) -> bool:
        """Whether it says itself that it ran out of memory."""
        return self.status == OUT_OF_MEMORY

    @property
    def reason(self) -> str:
        """Its status in words."""
        return signal.Signals(-self.status).name if self.status < 0 else f"exit status {self.status}"


class DrawingProcess:
    """A drawing process; it starts without waiting. The thread that starts it must live as long as it.

    Attributes:
        connection: The connection to it.
        used: Whether it was sent a document.
        busy: Whether it has not sent the last reply to a document.

    Raises:
        DrawingStartError: The system starts no process.
    """

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        # numpy's BLAS would reserve memory for a thread of each CPU.
        environment.update(PYTHONPATH=_import_path(), OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        self._inherited = _most_megabytes(resource.getrusage(resource.RUSAGE_SELF))
        with its:
            try:
                self._popen = subprocess.Popen(
                    [sys.executable, str(_PROGRAM), str(os.getpid())],
                    stdin=its,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env=environment,
                )
            except OSError as error:
                ours.close()
                raise DrawingStartError(str(error)) from None
        self._socket = ours
        self._megabytes = self._seen = 0.0
        self._ready = self.used = self.busy = False
        self.connection = Connection(ours, self._look_at_memory)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._popen.poll() is None

    def wait_until_ready(self) -> None:
        """Waits until it has imported its libraries.

        Raises:
            DrawingStartError: It did not start; its own words are in the log.
        """
        if self._ready:
            return
        try:
            self.connection.receive(100, 0, time.monotonic() + _START_SECONDS)
        except ConnectionBrokenError:
            raise DrawingStartError(self.end(END_SECONDS).reason) from None
        except OutOfTimeError:
            self.end()
            raise DrawingStartError(f"not ready after {_START_SECONDS} seconds") from None
        self._ready = True

    def _look_at_memory(self) -> None:
        """Remembers the most memory that the process has had: one that ends by a signal leaves nothing to read."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        found = _HIGH_WATER_MARK.search(status)
        if found:
            self._seen = max(self._seen, int(found[1]) / 1024)

    def end(self, patience: float = 0) -> Exit:
        """Ends it.

        Args:
            patience: Seconds in which it may end by itself before it is killed.
        """
        self._socket.close()
        patient_until = time.monotonic() + patience
        while self._popen.returncode is None:
            if time.monotonic() >= patient_until:
                # Popen.kill of Python 3.9 and later may wait for it, and then there is nothing left to wait for.
                os.kill(self._popen.pid, signal.SIGKILL)
            pid, status, usage = os.wait4(self._popen.pid, os.WNOHANG)
            if pid:
                # As Popen itself would: it no longer finds the process.
                self._popen.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                # Linux counts what the worker had when it started the process (exec_mmap in fs/exec.c): below that,
                # only what was seen of the process while it drew is known.
                most = _most_megabytes(usage)
                self._megabytes = most if most > self._inherited else self._seen
            else:
                time.sleep(_POLL_SECONDS)
        return Exit(self._popen.returncode, self._megabytes)


def _most_megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


def _import_path() -> str:
    """Returns what the worker imports from, for a process in another folder."""
    return os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
