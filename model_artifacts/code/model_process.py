"""The process that holds the model where the model server has no batches. A script.

    python model_process.py SOCKET FAILURE_FILE MODEL_FOLDER GPU

It loads SAGEMAKER_PROGRAM as the serving toolkit would (`model_fn`), listens, and computes the requests of the workers
that connect (model_connection.py) with the function that `model_fn` installed (batching.py): up to MODEL_BATCH_SIZE at
a time (default 1), for the last of which the first waits at most MODEL_BATCH_DELAY_MS milliseconds (default 20). One
thread does everything: while a batch is computed, the next requests wait in their sockets.

It ends when its last worker has ended. A worker ends it if a batch takes too long.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import socket
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Mapping, Tuple

from limits import whole_number

# What is logged when the model cannot be loaded; with the traceback.
NOT_LOADED = "The model could not be loaded."

_PROGRAM = "inference.py"
_BACKLOG = 1024
_MOST_CHARACTERS = 1000

logger = logging.getLogger()

Received = Tuple[Any, Mapping[str, str]]  # body, headers
Sent = Tuple[int, str, str, str]  # status, phrase, content type, text


class NoBatchFunctionError(Exception):
    """The archive's code has no function that processes batches."""


@dataclass
class _Waiting:
    """A request that is in no batch yet."""

    worker: Connection
    arrived: float
    request: Received


class BatchServer:
    """Computes the requests of all workers in batches.

    Args:
        listener: The socket to which workers connect.
        compute: Takes requests, returns as many responses.
        size: The most requests of a batch.
        delay: The seconds for which a batch waits for more.
    """

    def __init__(
        self,
        listener: socket.socket,
        compute: Callable[[list[Received]], list[Sent]],
        size: int,
        delay: float,
    ) -> None:
        self._listener = listener
        self._compute = compute
        self._size = size
        self._delay = delay
        self._workers: set[Connection] = set()
        self._had_worker = False
        self._waiting: deque[_Waiting] = deque()

    def run(self) -> None:
        """Serves until the last worker has disconnected."""
        while self._collect():
            batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
            taken = [each for each in batch if self._send(each.worker, None)]
            responses = self._compute([each.request for each in taken]) if taken else []
            for each, response in zip(taken, responses):
                self._send(each.worker, response)

    def _collect(self) -> bool:
        """Waits for a batch; returns False when there is no worker any more."""
        while self._workers or not self._had_worker or wait([self._listener], 0):
            left = None
            if self._waiting:
                left = max(0.0, self._waiting[0].arrived + self._delay - time.monotonic())
            # Also if the batch is full: what waits in a socket is to be behind it, and not behind what comes later.
            ready = wait([self._listener, *self._workers], 0 if len(self._waiting) >= self._size else left)
            for each in ready:
                if each is self._listener:
                    self._accept()
                else:
                    self._receive(each)
            if self._waiting and (not ready or len(self._waiting) >= self._size):
                return True
        return False

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        worker = Connection(accepted.detach())
        self._workers.add(worker)
        self._had_worker = True

    def _receive(self, worker: Connection) -> None:
        try:
            request = worker.recv()
        except (EOFError, OSError):
            self._lose(worker)
            return
        self._waiting.append(_Waiting(worker, time.monotonic(), request))

    def _send(self, worker: Connection, message: Any) -> bool:
        """Returns whether the worker was still there."""
        try:
            worker.send(message)
        except OSError:
            self._lose(worker)
            return False
        return True

    def _lose(self, worker: Connection) -> None:
        self._workers.discard(worker)
        self._waiting = deque(each for each in self._waiting if each.worker is not worker)
        worker.close()


def listen(path: str) -> socket.socket:
    """Returns a socket at a path that this user alone may connect to."""
    if Path(path).exists():  # of a process that was killed
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener


def load(model_dir: str, gpu: int | None) -> Callable[[list[Received]], list[Sent]]:
    """Loads the model and returns the function that computes a batch.

    Raises:
        Exception: What the archive's code raises.
    """
    program = importlib.import_module(os.environ.get("SAGEMAKER_PROGRAM", _PROGRAM).removesuffix(".py"))
    context = SimpleNamespace(system_properties={"model_dir": model_dir, "gpu_id": gpu})
    takes_context = len(inspect.signature(program.model_fn).parameters) > 1
    model = program.model_fn(model_dir, context) if takes_context else program.model_fn(model_dir)
    # Imported by now, unless the program does not use it; it needs what the program puts on the import path.
    import batching  # see above

    process = batching.installed()
    if process is None:
        raise NoBatchFunctionError(
            f"{program.__name__}.py does not call batching.install: call it in model_fn, or delete "
            "code/multi_model_server.py, and the serving toolkit calls its functions."
        )

    return computing(process, model)


def computing(process: Any, model: Any) -> Callable[[list[Received]], list[Sent]]:
    """Returns the function that computes a batch.

    Args:
        process: What `batching.install` was called with.
        model: What `model_fn` returned.
    """
    import batching  # as above

    def compute(received: list[Received]) -> list[Sent]:
        requests = [batching.request_from_body(body, headers) for body, headers in received]
        return [_sent(each) for each in batching.responses(process, model, requests)]

    return compute


def _sent(response: Any) -> Sent:
    """Returns the response as a worker gets it: status, phrase, content type and text."""
    if isinstance(response, Exception):
        return response.status_code, response.phrase, "text/plain", str(response)
    return 200, "OK", response.content_type, response.text


def main(path: str, failure_file: str, model_dir: str, gpu: str) -> int:
    """Loads the model and serves it; writes to the file why the model cannot be loaded."""
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    try:
        size = whole_number("MODEL_BATCH_SIZE", 1)
        delay = whole_number("MODEL_BATCH_DELAY_MS", 20, 0) / 1000
        compute = load(model_dir, int(gpu) if gpu else None)
    except Exception as error:
        logger.exception(NOT_LOADED)
        reason = " ".join("".join(traceback.format_exception_only(type(error), error)[-1:]).split())
        Path(failure_file).write_text(reason[:_MOST_CHARACTERS], encoding="utf-8")
        return 1
    logger.info("The model is loaded: batches of at most %d, collected for %g ms.", size, 1000 * delay)
    BatchServer(listen(path), compute, size, delay).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
