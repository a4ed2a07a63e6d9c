"""A worker's connection to the process that holds the model (model_process.py): starts it, sends requests, ends it.

Multi Model Server has no batches: each of its worker processes takes one request at a time. So its workers are thin,
and hand their requests to one process that holds the model and computes them in batches.

The model's process holds a lock (flock(2)) for as long as it lives, whose file descriptor it inherits: who gets the
lock starts a process, and nobody else does. It listens when it has loaded the model. It reports when it takes a request
into a batch. If it ends before that, the request is sent to its successor; if it ends after that, or takes too long,
the request fails. Standard library only, for a quick start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Mapping, NamedTuple

_PROGRAM = Path(__file__).resolve().with_name("model_process.py")
_POLL_SECONDS = 0.05
_STARTS = 3  # attempts to start a successor
_ATTEMPTS = 20  # to have a request taken; one that ends still accepts connections for a moment
_TEXT = "text/plain"
# Multi Model Server's worker sets it where it is unset, for itself.
_SET_BY_WORKER = "OMP_NUM_THREADS"

logger = logging.getLogger(__name__)


class ModelLoadError(Exception):
    """The model could not be loaded; the message is the reason."""


class Response(NamedTuple):
    """What goes back to the model server for one request."""

    status: int
    phrase: str
    content_type: str
    text: str


class Place(NamedTuple):
    """Where a model's process runs.

    Attributes:
        folder: The folder of its socket and lock, private to the container.
        name: Its name among the container's.
        gpu: The number of its GPU; None on a CPU.
        processes: How many model processes share the CPU or GPU.
    """

    folder: Path
    name: str
    gpu: int | None
    processes: int

    @property
    def socket(self) -> Path:
        """On which it listens."""
        return self.folder / f"{self.name}.sock"

    @property
    def failure(self) -> Path:
        """To which it writes why it could not load the model."""
        return self.folder / f"{self.name}.failure"

    @property
    def lock(self) -> Path:
        """Which it locks."""
        return self.folder / f"{self.name}.lock"

    @classmethod
    def of_next_worker(cls, folder: Path, gpu: int | None, processes: int) -> Place:
        """Returns the place for one more worker: each of a GPU's, or the CPU's, processes gets as many workers."""
        device = "cpu" if gpu is None else f"gpu-{gpu}"
        with (folder / f"model-{device}.count").open("a+", encoding="ascii") as counter:
            fcntl.flock(counter, fcntl.LOCK_EX)
            counter.seek(0)
            number = int(counter.read() or 0)
            counter.truncate(0)
            counter.write(str(number + 1))
        return cls(folder, f"model-{device}-{number % processes}", gpu, processes)


class ModelConnection:
    """One worker's connection.

    Args:
        place: The process's place.
        model_dir: The folder of the unpacked archive.
        seconds: How long the model may load, and how long a batch may take.
        output: Where the process prints.
    """

    def __init__(self, place: Place, model_dir: str, seconds: float, output: IO[bytes]) -> None:
        self._place = place
        self._model_dir = model_dir
        self._seconds = seconds
        self._output = output
        self._started: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._pid = 0

    def connect(self) -> None:
        """Connects to the process, starting it if it is not running, and waits until the model is loaded.

        Raises:
            ModelLoadError: The model cannot be loaded, or not in time.
        """
        began, deadline = time.time(), time.monotonic() + self._seconds
        ours = None
        while time.monotonic() < deadline:
            reached = socket.socket(socket.AF_UNIX)
            try:
                reached.connect(str(self._place.socket))
            except OSError:  # it is loading, or not running
                reached.close()
            else:
                credentials = reached.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
                self._pid = struct.unpack("3i", credentials)[0]
                self._connection = Connection(reached.detach())
                return
            ours = self._start(began) or ours
            if ours is not None and ours.poll() is not None:
                raise ModelLoadError(self._failure_since(began) or f"its process ended ({_how(ours.returncode)})")
            time.sleep(_POLL_SECONDS)
        if ours is not None:
            ours.kill()
        raise ModelLoadError(f"it did not load within {self._seconds:g} seconds (SAGEMAKER_MODEL_SERVER_TIMEOUT)")

    def request(self, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Returns the response to one request.

        Raises:
            ModelLoadError: The process had ended, and its successor cannot load the model.
        """
        for _ in range(_ATTEMPTS):
            if self._connection is None:
                self.connect()
            try:
                self._connection.send((body, headers))
                self._connection.recv()  # it has taken the request into a batch
            except (EOFError, OSError):
                self._drop()
                time.sleep(_POLL_SECONDS)
            else:
                return self._response()
        return _failed("The process that holds the model ended repeatedly: the container's log says why.")

    def _response(self) -> Response:
        try:
            if self._connection.poll(self._seconds):
                return Response(*self._connection.recv())
            os.kill(self._pid, signal.SIGKILL)  # its connection is open: it is there
            failure = f"The model did not answer within {self._seconds:g} seconds, and is started again."
        except (EOFError, OSError):
            failure = "The process that holds the model ended during this batch, and is started again."
        logger.error("%s", failure)
        self._drop()
        self._start_again()
        return _failed(failure)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _start_again(self) -> None:
        """Starts the successor without waiting for its model, so that it loads before the next request."""
        for _ in range(_STARTS):
            if self._start(time.time()) is not None:
                return
            # The system has not taken the lock back yet, or another worker of the batch was quicker.
            time.sleep(_POLL_SECONDS)

    def _start(self, began: float) -> subprocess.Popen[bytes] | None:
        """Starts the process unless it is there; returns it if this worker did.

        Raises:
            ModelLoadError: Another worker has started it since `began`, and it could not load the model.
        """
        if self._started is not None:
            self._started.poll()  # collects one that has ended
        with self._place.lock.open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            if (failure := self._failure_since(began)) is not None:
                raise ModelLoadError(failure)
            gpu = "" if self._place.gpu is None else str(self._place.gpu)
            self._started = subprocess.Popen(
                [
                    sys.executable,
                    str(_PROGRAM),
                    str(self._place.socket),
                    str(self._place.failure),
                    self._model_dir,
                    gpu,
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=[lock.fileno()],
                env=_environment(self._place.processes),
            )
        return self._started

    def _failure_since(self, began: float) -> str | None:
        """Returns why the model could not be loaded since a time of the system's clock; None if nobody has written."""
        written = self._place.failure
        is_new = written.exists() and written.stat().st_mtime >= began
        return written.read_text(encoding="utf-8") if is_new else None


def _environment(processes: int) -> dict[str, str]:
    """Returns the variables of a model's process: the container's, with the number of those that share the cores."""
    environment = dict(os.environ)
    # What this process was started with; os.environ has what the worker's program added.
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    if not any(variable.startswith(f"{_SET_BY_WORKER}=".encode("ascii")) for variable in given):
        environment.pop(_SET_BY_WORKER, None)
    environment["SAGEMAKER_MODEL_SERVER_WORKERS"] = str(processes)
    return environment


def _how(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _failed(sentence: str) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Response(status.value, status.phrase, _TEXT, sentence)
