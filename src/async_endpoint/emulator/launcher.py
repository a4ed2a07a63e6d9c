"""Starts, finds and stops a local AWS, and gives clients the environment that leads to it."""

import errno
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.process_environments import client_variables, without_settings
from async_endpoint.emulator.server.command_line import ServerOptions
from async_endpoint.emulator.server.state_file import StateError, StateFolder
from async_endpoint.emulator.server_process import bound_port, is_running, serving_process, start_process, started_at

DEFAULT_STATE_DIR = Path(".local-aws")
DEFAULT_PORT = 4566
ANY_PORT = 0
DEFAULT_REGION = "us-east-1"

_START_SECONDS = 30.0
_STOP_SECONDS = 120.0
_IN_USE = f"[Errno {errno.EADDRINUSE}]"
_GIVE_UP_SECONDS = 10.0
_POLL_SECONDS = 0.05


class LocalAwsError(Exception):
    """A local AWS cannot be started or stopped, or there is none; the message is one sentence."""


class _PortTakenError(LocalAwsError):
    """Another process took the port between the look at it and the start."""


def state_dir_arguments(state_dir: Path) -> str:
    """Returns the option, after a blank, that points commands at a folder's local AWS; empty for the default folder."""
    return "" if state_dir == DEFAULT_STATE_DIR else f" --state-dir {shlex.quote(str(state_dir))}"


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS.

    Attributes:
        state_dir: Its folder: log, instances, saved state, and the file by which `find` finds it.
        pid: The number of its process.
        port: The port it listens on, on 127.0.0.1.
        speed: How many times faster than the wall AWS's clock runs.
        began: The start of its process, in epoch seconds; a later process may have the same number.
        former_port: The port of the state that it continues, if that was another: the URLs of queues have changed.
    """

    state_dir: Path
    pid: int
    port: int
    speed: float
    began: float
    former_port: int | None = field(default=None, compare=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def start(
        cls,
        serving: ServingEnvironments,
        *,
        state_dir: Path = DEFAULT_STATE_DIR,
        port: int | None = None,
        speed: float = 1.0,
        threads: int = 1,
        assumptions: Assumptions | None = None,
        times: InstanceTimes | None = None,
        fresh: bool = False,
        tied: bool = False,
        instance_price: float | None = None,
    ) -> Self:
        """Starts one and waits until it serves requests.

        Args:
            serving: The environments of model containers; an endpoint fails whose image's is not built.
            state_dir: Its folder, made when it does not exist.
            port: The port to listen on; None takes the one of the saved state or else 4566, or any free one when they
                are taken.
            speed: How many times faster than the wall AWS's clock runs: metric periods, alarms, cooldowns, queue ages.
            threads: Computing threads of each instance.
            assumptions: How the points are settled that AWS leaves open.
            times: The shortest times that instances take to come up.
            fresh: Deletes the saved state of an earlier one in that folder instead of restoring it.
            tied: Stops it with the caller: once the caller's process is gone, for whatever reason, so is the local AWS.
            instance_price: USD for an hour of one instance; the pages show no money without it.

        Raises:
            LocalAwsError: One runs there already, the port is taken, the saved state is damaged, or it never responds.
        """
        _reject_second(cls.find(state_dir), state_dir)
        named = None if port is None else _free_port(port)  # before the state is deleted
        state = _checked_state(state_dir, fresh=fresh)
        saved_port = state.saved_port()
        options = ServerOptions(
            port=named or _free_port(saved_port or DEFAULT_PORT, DEFAULT_PORT, ANY_PORT),
            workdir=state_dir.absolute() / "work",
            state=state.path,
            serving_env=serving.path.absolute(),
            speed=speed,
            threads=threads,
            assumptions=assumptions or Assumptions(),
            times=times or InstanceTimes(),
            until_stdin_closes=tied,
            instance_price=instance_price,
        )
        state_dir.mkdir(parents=True, exist_ok=True)
        try:
            return cls._launch(options, state_dir, saved_port)
        except _PortTakenError:
            if port is not None:
                raise
        # Two that start at the same time both find the default port free; one of them gets it.
        return cls._launch(replace(options, port=_free_port(ANY_PORT)), state_dir, saved_port)

    @classmethod
    def _launch(cls, options: ServerOptions, state_dir: Path, saved_port: int | None) -> Self:
        """Starts the process and waits until it serves requests; raises `_PortTakenError` if another has its port."""
        former_port = None if saved_port == options.port else saved_port
        process = start_process(options, _log(state_dir))
        began = started_at(process.pid)
        local = cls(state_dir, process.pid, options.port, options.speed, began, former_port, process)
        try:
            local._await_ready(process)
        except LocalAwsError:
            if process.stdin is not None:
                process.stdin.close()
            raise
        local._write_file()
        return local

    @classmethod
    def find(cls, state_dir: Path = DEFAULT_STATE_DIR) -> Self | None:
        """Returns the one that runs in a folder, or None."""
        try:
            local = cls(state_dir, **json.loads(_file(state_dir).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return local if local.running else None

    @property
    def endpoint_url(self) -> str:
        """The URL of every service. By name: ministack takes another host for a bucket's."""
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> Path:
        """The file with the output of its process."""
        return _log(self.state_dir)

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return is_running(self.pid, self.began)

    @property
    def faults(self) -> FaultClient:
        """The faults on demand."""
        return FaultClient(self.endpoint_url)

    def environment(self, region: str = DEFAULT_REGION) -> dict[str, str]:
        """Returns the variables that point the AWS SDKs, the AWS CLI and the CDK CLI here, and at nothing else."""
        return client_variables(self.endpoint_url, region, self.state_dir / "cdk-home")

    def client_environment(self, base: Mapping[str, str], region: str = DEFAULT_REGION) -> dict[str, str]:
        """Returns the whole environment of a child process: `base` without settings for AWS, and `environment`."""
        return without_settings(base) | self.environment(region)

    def stop(self) -> None:
        """Stops it and every process that it started; a second call does nothing.

        Raises:
            LocalAwsError: It did not stop in time, or could not save its state.
        """
        state, was_running = _state(self.state_dir), self.running
        if was_running:
            os.kill(self.pid, signal.SIGTERM)
        self._await_stop()
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
        _file(self.state_dir).unlink(missing_ok=True)
        if was_running and not state.is_complete:
            raise LocalAwsError(
                "The local AWS has stopped and could not save its state, or not all of it: what is missing in "
                f"{state.path} is as the stop before left it (log: {self.log})."
            )

    def _write_file(self) -> None:
        members = {"pid": self.pid, "port": self.port, "speed": self.speed, "began": self.began}
        _file(self.state_dir).write_text(json.dumps(members), encoding="utf-8")

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while (serving := serving_process(self.endpoint_url)) != process.pid:
            exited = process.poll() is not None
            # Another that stops by itself may have had the port when this one began.
            if serving is not None or (exited and (bound_port(self.port) is None or _IN_USE in self._last_line())):
                _await_exit(process)
                raise _PortTakenError(f"Port {self.port} was taken meanwhile: start again (log: {self.log}).")
            if exited:
                exited_at_once = f"The local AWS exited at once (exit code {process.returncode})"
                raise LocalAwsError(f"{exited_at_once}: {self._last_line()} (log: {self.log})")
            if time.monotonic() > deadline:
                self.stop()
                raise LocalAwsError(f"The local AWS did not respond within {_START_SECONDS:g} s: see {self.log}.")
            time.sleep(_POLL_SECONDS)

    def _await_stop(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        while self.running:
            if self._process is not None:
                self._process.poll()
            if time.monotonic() > deadline:
                late = f"The local AWS did not stop within {_STOP_SECONDS:g} s"
                raise LocalAwsError(f"{late}: kill process {self.pid} (log: {self.log}).")
            time.sleep(_POLL_SECONDS)

    def _last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"


def _file(state_dir: Path) -> Path:
    return state_dir / "local-aws.json"


def _log(state_dir: Path) -> Path:
    return state_dir / "local-aws.log"


def _state(state_dir: Path) -> StateFolder:
    return StateFolder(state_dir.absolute() / "kept")


def _reject_second(running: LocalAws | None, state_dir: Path) -> None:
    """Raises LocalAwsError if a local AWS runs in a folder."""
    if running is not None:
        raise LocalAwsError(
            f"A local AWS runs already on port {running.port} (process {running.pid}, folder {state_dir}): "
            f"stop it with `async-endpoint local stop{state_dir_arguments(state_dir)}`, or use another --state-dir."
        )


def _checked_state(state_dir: Path, *, fresh: bool) -> StateFolder:
    """Returns the saved state of a folder after a look at it, or deletes it if `fresh`.

    Raises:
        LocalAwsError: It cannot be read, or is not of a local AWS alone.
    """
    state = _state(state_dir)
    try:
        if fresh:
            state.delete()
        state.load()
    except StateError as error:
        raise LocalAwsError(str(error)) from error
    return state


def _free_port(*wanted: int) -> int:
    """Returns the first port of those wanted that is free; ANY_PORT is always one.

    Raises:
        LocalAwsError: All are taken.
    """
    for port in wanted:
        bound = bound_port(port)
        if bound is not None:
            return bound
    raise LocalAwsError(f"Port {wanted[-1]} is taken: leave --port out to have a free one chosen.")


def _await_exit(process: subprocess.Popen[bytes]) -> None:
    """Waits for a process without a port to give up; it has resumed nothing."""
    try:
        process.communicate(timeout=_GIVE_UP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
