"""One model container as a tree of processes: unpacked archive, own environment, real toolkit, real model server."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, cast

import urllib3

from async_endpoint.emulator.containers import archive as archives
from async_endpoint.emulator.containers import container_log, explanations
from async_endpoint.emulator.containers.environment import Overlay, ServingEnvironment
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerError, ContainerFailed, ContainerTimeout
from async_endpoint.emulator.containers.health import Health, Workers
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.process import ContainerProcess
from async_endpoint.emulator.containers.servers import server_of

_MODEL_NAME = "model"  # as the toolkits register it
_POLL_SECONDS = 0.2
_PING_SECONDS = 2.0  # SageMaker's limit for /ping
_CONNECT_SECONDS = 5.0
_CONNECTIONS = 64  # kept open; further ones are closed after their request
_LAUNCHES = 3  # attempts, should another program take a chosen port in between


class ModelContainer:
    """A model container; every method may be called from any thread, and several invocations may run at once.

    A container takes 0.6 GB of memory with a small model, 0.8 GB with the Donut. It exits when the process that made it
    exits, even after `kill -9`. Call `stop` after a failure, too.

    Args:
        archive: The model.tar.gz.
        environment: The Model's environment variables.
        serving: The environment to run in, an image's. It is only read: packages are installed into an overlay.
        workdir: A folder of this instance alone: /opt/ml, overlay, logs (`container.log` has everything printed).
        threads: How many threads a numerical library may use in one worker.
        isolated: Whether it runs without a network, as with the Model's `EnableNetworkIsolation`.
    """

    def __init__(
        self,
        archive: Path,
        environment: Mapping[str, str],
        serving: ServingEnvironment,
        workdir: Path,
        threads: int = 1,
        *,
        isolated: bool = False,
    ) -> None:
        self.workdir = workdir.absolute()
        self.log = self.workdir / "container.log"
        self.reports = self.workdir / "worker-errors.jsonl"
        self._isolated = isolated
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
        self._server = server_of(serving.image)
        self._workers = Workers(self._server.load_timeout(environment, serving.image.server_version))
        self._model_log = self._server.follow(self.log, self.reports)
        self._calls = threading.Condition()  # guards the two fields below
        self._invocations = 0
        self._draining = False

    @property
    def alive(self) -> bool:
        """Whether the container's processes run, even if the model is still loading."""
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
        """The number of requests that it is processing."""
        return self._invocations

    @property
    def processes(self) -> tuple[int, float] | None:
        """The root process id and its launch time in seconds of the monotonic clock; None before the launch."""
        process = self._process
        return None if process is None else (process.pid, self._started_at)

    def start(self) -> None:
        """Unpacks the archive and launches the processes; returns without waiting for them.

        Raises:
            ArchiveRejected: The archive cannot be unpacked safely.
            ContainerError: It was started or stopped before.
        """
        with self._lock:
            if self._launches or self._stopped:
                raise ContainerError("A container starts once: make another instance.")
            self._started_at = time.monotonic()
            self.workdir.mkdir(parents=True, exist_ok=True)
            archives.unpack(self._archive, self._model_folder)
            overlay = self._serving.overlay(self.workdir / "overlay", reports=self.reports, isolated=self._isolated)
            self._launch(overlay)

    def wait_ready(self, timeout: float) -> None:
        """Waits until a worker has loaded the model; the server calls container and worker ready long before that.

        Raises:
            ContainerFailed: model_fn failed, the container exited or was stopped, or `timeout` seconds passed.
        """
        deadline = time.monotonic() + timeout
        while not self._is_model_loaded():
            reason = self._server.load_failure(self.log, self.reports)
            # A worker may report the end of a server that could not bind a port before that server's process has ended.
            if reason is not None and not container_log.port_clash(self.log):
                raise ContainerFailed(
                    f"The model could not be loaded: {reason} (log: {self.log}).{self.explanation_of(reason)}"
                )
            if reason is not None or not self.alive:
                self._relaunch_or_fail()
            elif time.monotonic() > deadline:
                raise ContainerFailed(f"The model was not ready within {timeout:g} s (log: {self.log}).")
            time.sleep(_POLL_SECONDS)
        self._startup_seconds = time.monotonic() - self._started_at

    def explanation_of(self, failure: str) -> str:
        """Returns what the container knows of a failure beyond its words, with a leading blank; empty if nothing."""
        sentences = [
            explanations.missing_program(self._model_folder, self._environment, self._server.without_code),
            explanations.missing_opt_ml(failure, self.log),
        ]
        return "".join(f" {sentence}" for sentence in sentences if sentence)

    def worker_lines(self) -> list[str]:
        """Returns what its workers have printed."""
        return self._server.worker_lines(self.log)

    def ping(self) -> bool:
        """Returns whether the health check passes as SageMaker makes it: GET /ping, status 200 within 2 s."""
        try:
            return self._request("GET", "/ping").status == HTTPStatus.OK
        except (urllib3.exceptions.HTTPError, ContainerDied):
            return False

    def health(self) -> Health:
        """Returns whether its workers are ready (idle or busy), load the model, or are dead."""
        return self._workers.judge(have_model=self._is_model_loaded()) if self.alive else Health.DEAD

    def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Posts one request to /invocations and returns the response.

        After a timeout the worker continues with that request. The next one waits behind it until the worker is done
        or the server replaces the worker; the response is then a 500.

        Raises:
            ContainerTimeout: There was no response within the invocation's timeout.
            ContainerDied: The container is not running, takes no more requests, or closed the connection before it
                responded.
        """
        try:
            with self._running_request():
                response = self._request("POST", "/invocations", invocation)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ContainerTimeout(f"The container did not answer within {invocation.timeout:g} s.") from error
        except urllib3.exceptions.HTTPError as error:
            raise ContainerDied(f"The container broke the connection off before it answered: {error}.") from error
        if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._workers.judge(have_model=True)
        return ContainerResponse(response.status, response.headers.get("Content-Type"), response.data)

    def drain(self, seconds: float) -> bool:
        """Takes no more requests and waits for the running ones; returns whether all ended within `seconds`.

        A request that still runs when the container is stopped raises ContainerDied in its caller.
        """
        with self._calls:
            self._draining = True
            return self._calls.wait_for(lambda: self._invocations == 0, seconds)

    def stop(self) -> None:
        """Ends every process of the container within seconds, SIGTERM first; a second call does nothing."""
        self._stopped = True
        with self._lock:
            if self._process is not None:
                self._process.end()
            if self._pool is not None:
                self._pool.close()

    def kill(self) -> None:
        """Kills every process of the container at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()

    @property
    def _model_folder(self) -> Path:
        return self.workdir / "ml" / "model"

    def _launch(self, overlay: Overlay) -> None:
        self._launches += 1
        self._process = ContainerProcess(self.workdir, overlay, self._server, self._environment, self._threads)
        self._model_log = self._server.follow(self.log, self.reports)
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
                self.reports.unlink(missing_ok=True)
                self._launch(Overlay(self.workdir / "overlay"))
                return
            reason = container_log.end_reason(self.log)
            raise ContainerFailed(
                f"The container ended with exit code {self._process.exit_code}: {reason} (log: {self.log})."
            )

    def _is_model_loaded(self) -> bool:
        process = self._process
        try:
            response = self._request("GET", f"/models/{_MODEL_NAME}")
        except (urllib3.exceptions.HTTPError, ContainerDied):
            return False
        if process is None or response.status != HTTPStatus.OK:
            return False
        return self._model_log.has_model(response.json(), process.owns)

    @contextmanager
    def _running_request(self) -> Iterator[None]:
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

    def _request(self, method: str, path: str, invocation: Invocation | None = None) -> urllib3.BaseHTTPResponse:
        pool = self._pool
        if pool is None or self._stopped or not self.alive:
            raise ContainerDied("The container is not running.")
        timeout = _PING_SECONDS if invocation is None else invocation.timeout
        return pool.request(
            method,
            path,
            body=None if invocation is None else cast("bytes | IO[bytes]", invocation.body),
            headers=None if invocation is None else invocation.headers(),
            timeout=urllib3.Timeout(connect=min(timeout, _CONNECT_SECONDS), read=timeout),
        )
