"""One model container as a tree of processes: unpacked archive, own environment, real toolkit, real TorchServe."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

import psutil
import urllib3

from async_endpoint.emulator.containers import archive as archives
from async_endpoint.emulator.containers import container_log
from async_endpoint.emulator.containers.environment import Overlay, ServingEnvironment
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerError, ContainerFailed, ContainerTimeout
from async_endpoint.emulator.containers.health import Health, Workers
from async_endpoint.emulator.containers.process import ContainerProcess
from async_endpoint.emulator.containers.worker_log import WorkerLog

_MODEL_NAME = "model"  # as the toolkit registers it with TorchServe
_POLL_SECONDS = 0.2
_PING_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_CONNECTIONS = 64  # kept for the next request; more at once are made and dropped
_LAUNCHES = 3  # tries, should another program take a chosen port in between
_OK = 200
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class Answer:
    """What the container answered to one invocation.

    Attributes:
        status: HTTP status; 200, or what the handler or TorchServe made of a failure.
        content_type: Header of that name, if there was one.
        body: The answer itself; of an error, the text that SageMaker would store as the failure.
    """

    status: int
    content_type: str | None
    body: bytes


class SizedStream(Protocol):
    """A body that is read while it is sent, so that it need not fit into memory."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def read(self, amount: int = -1, /) -> bytes:
        """The next bytes; none at its end."""


class ModelContainer:
    """A model container; every method may be called from any thread, and several invocations may run at once.

    It takes 0.7 GB of memory with a model of a few MB. It ends with the process that made it, however that ends; after
    a failure, `stop` must still be called.

    Args:
        archive: The model.tar.gz.
        environment: The Model's environment variables.
        serving: The Python 3.8 environment to run in; it is read only, packages install into an overlay.
        workdir: A folder of this instance alone: /opt/ml, overlay, logs (`container.log` has everything printed).
        threads: How many threads a numerical library may use in one worker.
    """

    def __init__(
        self,
        archive: Path,
        environment: Mapping[str, str],
        serving: ServingEnvironment,
        workdir: Path,
        threads: int = 1,
    ) -> None:
        self.workdir = workdir.absolute()
        self.log = self.workdir / "container.log"
        self._archive = archive
        self._environment = dict(environment)
        self._serving = serving
        self._threads = threads
        self._lock = threading.Lock()  # held while processes are launched or ended
        self._process: ContainerProcess | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._launches = 0
        self._started_at = 0.0
        self._startup_seconds: float | None = None
        self._stopped = False
        self._workers = Workers(environment)
        self._worker_log = WorkerLog(self.log)
        self._calls = threading.Condition()  # of what follows
        self._invocations = 0
        self._draining = False

    @property
    def alive(self) -> bool:
        """Whether the container's processes run; a model that still loads counts."""
        process = self._process
        return process is not None and process.exit_code is None

    @property
    def pid(self) -> int | None:
        """Process id of the supervisor, the root of the container's process tree; None before `start`."""
        process = self._process
        return None if process is None else process.pid

    @property
    def startup_seconds(self) -> float | None:
        """Seconds from `start` until the model was ready; None before that."""
        return self._startup_seconds

    @property
    def invocations(self) -> int:
        """How many requests it works on."""
        return self._invocations

    @property
    def processes(self) -> tuple[int, float] | None:
        """The root of its processes, and when they were launched in seconds of the monotonic clock; None before."""
        process = self._process
        return None if process is None else (process.pid, self._started_at)

    def start(self) -> None:
        """Unpack the archive and launch the processes; returns without waiting for them.

        Raises:
            ArchiveRefused: The archive cannot be unpacked safely.
            ContainerError: It was started or stopped before.
        """
        with self._lock:
            if self._launches or self._stopped:
                raise ContainerError("A container starts once: make another instance.")
            self._started_at = time.monotonic()
            self.workdir.mkdir(parents=True, exist_ok=True)
            archives.unpack(self._archive, self._model_folder)
            self._launch(self._serving.overlay(self.workdir / "overlay"))

    def wait_ready(self, timeout: float) -> None:
        """Return when a worker has loaded the model; TorchServe calls container and worker ready long before that.

        Raises:
            ContainerFailed: model_fn failed, the container ended or was stopped, or `timeout` seconds went by.
        """
        deadline = time.monotonic() + timeout
        while not self._is_model_loaded():
            if not self.alive:
                self._relaunch_or_fail()
            elif (reason := container_log.load_failure(self.log)) is not None:
                raise ContainerFailed(f"The model could not be loaded: {reason} (log: {self.log}).")
            elif time.monotonic() > deadline:
                raise ContainerFailed(f"The model was not ready within {timeout:g} s (log: {self.log}).")
            time.sleep(_POLL_SECONDS)
        self._startup_seconds = time.monotonic() - self._started_at

    def ping(self) -> bool:
        """Whether the container's health check passes, as SageMaker asks it: GET /ping, status 200 within 2 s."""
        try:
            return self._request("GET", "/ping", timeout=_PING_SECONDS).status == _OK
        except (urllib3.exceptions.HTTPError, ContainerDied):
            return False

    def health(self) -> Health:
        """Whether its workers are ready, which a busy one is, load the model, or are dead."""
        return self._workers.judge(have_model=self._is_model_loaded()) if self.alive else Health.DEAD

    def invoke(
        self,
        body: bytes | SizedStream,
        *,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        timeout: float,
    ) -> Answer:
        """Post one request to /invocations and wait for the answer; a header that is None is left out.

        After a timeout the worker goes on with that request, and the next one waits behind it until the worker is
        done or TorchServe replaces it (SAGEMAKER_MODEL_SERVER_TIMEOUT seconds; the answer is then a 500).

        Args:
            body: The request's body; a stream is read as it is sent, and what it raises comes through.
            content_type: The header of that name; without it the handler's input_fn sees None.
            accept: The header of that name; without it the toolkit takes application/json.
            custom_attributes: X-Amzn-SageMaker-Custom-Attributes.
            inference_id: X-Amzn-SageMaker-Inference-Id.
            timeout: Seconds to wait for the answer.

        Raises:
            ContainerTimeout: There was no answer within `timeout`.
            ContainerDied: The container is not running, takes no more requests, or closed the connection before it
                answered.
        """
        headers = {
            "Content-Type": content_type,
            "Accept": accept,
            "X-Amzn-SageMaker-Custom-Attributes": custom_attributes,
            "X-Amzn-SageMaker-Inference-Id": inference_id,
        }
        given = {name: value for name, value in headers.items() if value is not None}
        try:
            with self._invocation():
                answer = self._request("POST", "/invocations", body=body, headers=given, timeout=timeout)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ContainerTimeout(f"The container did not answer within {timeout:g} s.") from error
        except urllib3.exceptions.HTTPError as error:
            raise ContainerDied(f"The container broke the connection off before it answered: {error}.") from error
        if answer.status < _SERVER_ERRORS:
            self._workers.judge(have_model=True)
        return Answer(answer.status, answer.headers.get("Content-Type"), answer.data)

    def drain(self, seconds: float) -> bool:
        """Take no further request, and wait for those that are running; whether all have ended within `seconds`.

        What still runs when the container is stopped breaks off, which its caller sees as ContainerDied.
        """
        with self._calls:
            self._draining = True
            return self._calls.wait_for(lambda: self._invocations == 0, seconds)

    def stop(self) -> None:
        """End every process of the container within seconds, SIGTERM first; a second call does nothing."""
        self._stopped = True
        with self._lock:
            if self._process is not None:
                self._process.end()
            if self._pool is not None:
                self._pool.close()

    def kill(self) -> None:
        """Kill every process of the container (SIGKILL), so that nothing of it can say goodbye."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(process.pid)
            for each in [*root.children(recursive=True), root]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()

    @property
    def _model_folder(self) -> Path:
        return self.workdir / "ml" / "model"

    def _launch(self, overlay: Overlay) -> None:
        self._launches += 1
        self._process = ContainerProcess(self.workdir, overlay, self._environment, self._threads)
        self._worker_log = WorkerLog(self.log)
        self._pool = urllib3.HTTPConnectionPool(
            "127.0.0.1", self._process.http_port, maxsize=_CONNECTIONS, retries=False
        )

    def _relaunch_or_fail(self) -> None:
        with self._lock:
            if self._process is None:
                raise ContainerError("The container was not started.")
            if self._stopped:
                raise ContainerFailed("The container was stopped before it was ready.")
            if self._launches < _LAUNCHES and container_log.port_clash(self.log):
                self._process.end()
                self.log.replace(self.log.with_suffix(f".{self._launches}.log"))
                self._launch(Overlay(self.workdir / "overlay"))
                return
            reason = container_log.end_reason(self.log)
            raise ContainerFailed(
                f"The container ended with exit code {self._process.exit_code}: {reason} (log: {self.log})."
            )

    def _is_model_loaded(self) -> bool:
        try:
            answer = self._request("GET", f"/models/{_MODEL_NAME}", timeout=_PING_SECONDS)
        except (urllib3.exceptions.HTTPError, ContainerDied):
            return False
        # Should another container have got the port, it answers with a model of its own.
        mine = answer.status == _OK and any(model["modelUrl"] == str(self._model_folder) for model in answer.json())
        return mine and self._worker_log.has_model()

    @contextmanager
    def _invocation(self) -> Iterator[None]:
        with self._calls:
            if self._draining:
                raise ContainerDied("The container takes no more requests.")
            self._invocations += 1
        try:
            yield
        finally:
            with self._calls:
                self._invocations -= 1
                self._calls.notify_all()

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | SizedStream | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
    ) -> urllib3.BaseHTTPResponse:
        pool = self._pool
        if pool is None or self._stopped or not self.alive:
            raise ContainerDied("The container is not running.")
        limits = urllib3.Timeout(connect=min(timeout, _CONNECT_SECONDS), read=timeout)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            sent["Content-Length"] = str(body.size)  # else it would be sent in chunks
        return pool.request(method, path, body=cast("bytes | IO[bytes] | None", body), headers=sent, timeout=limits)
