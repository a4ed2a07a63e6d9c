"""Start, find and stop a local AWS; the tools of others are pointed at it through their environment."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import psutil

from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.loopback import NoAnswer, ask
from async_endpoint.emulator.server.state_file import StateFolder, StateRefused

DEFAULT_STATE_DIR = Path(".local-aws")
DEFAULT_PORT = 4566
DEFAULT_REGION = "us-east-1"

_START_SECONDS = 30.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_HTTP_OK = 200
# Settings of the user's that must reach neither the process nor its clients: a name left over could lead past the local
# AWS to a real account, or change how ministack behaves.
_NOT_INHERITED = (
    "AWS_",
    "MINISTACK_",
    "GATEWAY_",
    "PERSIST_",
    "S3_PERSIST",
    "SERVICES",
    "AUTH",
    "LAMBDA_",
    "LOCALSTACK_",
)


def state_dir_arguments(state_dir: Path) -> str:
    """What leads commands to the local AWS of a folder, with a blank before it; nothing for the usual folder."""
    return "" if state_dir == DEFAULT_STATE_DIR else f" --state-dir {shlex.quote(str(state_dir))}"


class LocalAwsError(Exception):
    """The local AWS cannot be started, or there is none; the message is one sentence."""


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS.

    Attributes:
        state_dir: Its folder: log, instances, and the file by which `find` finds it.
        pid: Its process.
        port: Where it listens, on 127.0.0.1.
        speed: How many times faster than the wall AWS's clock runs.
        began: When its process began, in epoch seconds; tells it from a later process of the same number.
    """

    state_dir: Path
    pid: int
    port: int
    speed: float
    began: float
    _process: subprocess.Popen[bytes] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def start(
        cls,
        serving: ServingEnvironment,
        *,
        state_dir: Path = DEFAULT_STATE_DIR,
        port: int | None = None,
        speed: float = 1.0,
        threads: int = 1,
        assumptions: Assumptions | None = None,
        times: InstanceTimes | None = None,
        fresh: bool = False,
        tied: bool = False,
    ) -> Self:
        """Start one and wait until it answers.

        Args:
            serving: The prepared environment of model containers.
            state_dir: Its folder, made when it is not there.
            port: The port to listen on; None takes 4566, or any free one when that is taken.
            speed: How many times faster than the wall AWS's clock runs: metric periods, alarms, cooldowns, queue ages.
            threads: Computing threads of each instance.
            assumptions: How the points are settled that AWS leaves open.
            times: How long instances take at least to come up.
            fresh: Forget what an earlier one kept in that folder, instead of going on from it.
            tied: End with the caller: when its process is gone, however it went, so is the local AWS.

        Raises:
            LocalAwsError: One runs in that folder already, the port is taken, what it kept cannot be read, or it did
                not answer.
        """
        running = cls.find(state_dir)
        if running is not None:
            raise LocalAwsError(
                f"A local AWS runs already on port {running.port} (process {running.pid}, folder {state_dir}): "
                f"stop it with `async-endpoint local stop{state_dir_arguments(state_dir)}`, or use another --state-dir."
            )
        chosen = _free_port(port)
        state_dir.mkdir(parents=True, exist_ok=True)
        workdir = state_dir.absolute() / "work"
        kept = StateFolder(state_dir.absolute() / "kept")
        if fresh:
            kept.forget()
        try:
            kept.load()
        except StateRefused as error:
            raise LocalAwsError(str(error)) from error
        command = [
            sys.executable, "-m", "async_endpoint.emulator.server", "--port", str(chosen), "--workdir", str(workdir),
            "--serving-env", str(serving.path.absolute()), "--speed", str(speed), "--threads", str(threads),
            "--keep", str(kept.path),
            *(part for pair in (assumptions or Assumptions()).as_arguments() for part in ("--assume", pair)),
            *(part for name, seconds in asdict(times or InstanceTimes()).items()
              for part in (f"--{name}-seconds", str(seconds))),
        ]  # fmt: skip
        if tied:
            command.append("--until-stdin-closes")
        with (state_dir / "local-aws.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command,
                stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_server_environment(chosen, kept),
                start_new_session=True,  # Ctrl-C is the caller's to handle
            )
        began = psutil.Process(process.pid).create_time()
        local = cls(state_dir, process.pid, chosen, speed, began, process)
        local._await_answer(process)
        state = {"pid": local.pid, "port": chosen, "speed": speed, "began": began}
        (state_dir / "local-aws.json").write_text(json.dumps(state), encoding="utf-8")
        return local

    @classmethod
    def find(cls, state_dir: Path = DEFAULT_STATE_DIR) -> Self | None:
        """The one that runs in that folder, if any."""
        try:
            local = cls(state_dir, **json.loads((state_dir / "local-aws.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return local if local.running else None

    @property
    def endpoint_url(self) -> str:
        """Where every service answers. By name: ministack takes another host for a bucket's."""
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.state_dir / "local-aws.log"

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        try:
            process = psutil.Process(self.pid)
            return bool(process.create_time() == self.began) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def environment(self, region: str = DEFAULT_REGION) -> dict[str, str]:
        """The variables that point the AWS SDKs, the AWS CLI and the CDK CLI here, and at nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "localhost,127.0.0.1",
            # The CDK CLI keeps accounts by access key: one memory for each local AWS.
            "CDK_HOME": str((self.state_dir / "cdk-home").absolute()),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
        }

    def client_environment(self, base: Mapping[str, str], region: str = DEFAULT_REGION) -> dict[str, str]:
        """A whole environment for a child process: `base` without any setting of AWS's, and `environment`."""
        return _without_settings(base) | self.environment(region)

    @property
    def faults(self) -> FaultClient:
        """What it is to do wrong."""
        return FaultClient(self.endpoint_url)

    def stop(self) -> None:
        """End it and every process that it started; a second call does nothing.

        Raises:
            LocalAwsError: It did not end in time, or could not write down what it held.
        """
        kept, was_running, began = StateFolder(self.state_dir.absolute() / "kept"), self.running, time.time()
        if was_running:
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.running:
            if self._process is not None:
                self._process.poll()
            if time.monotonic() > deadline:
                raise LocalAwsError(f"The local AWS did not end within {_STOP_SECONDS:g} s: end process {self.pid}.")
            time.sleep(_POLL_SECONDS)
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
        (self.state_dir / "local-aws.json").unlink(missing_ok=True)
        # It may have been told to end before this, and have written meanwhile.
        if was_running and kept.written_at < began - _STOP_SECONDS:
            raise LocalAwsError(
                f"The local AWS has ended and could not write down what it held; {kept.path} is from before (log: "
                f"{self.log})."
            )

    def _last_line(self) -> str:
        """What the process said last."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.endpoint_url):
            if process.poll() is not None:
                ended = f"The local AWS ended at once (exit code {process.returncode})"
                raise LocalAwsError(f"{ended}: {self._last_line()} (log: {self.log})")
            if time.monotonic() > deadline:
                self.stop()
                raise LocalAwsError(f"The local AWS did not answer within {_START_SECONDS:g} s: see {self.log}.")
            time.sleep(_POLL_SECONDS)
        if process.poll() is not None:  # somebody else answers on that port
            raise LocalAwsError(f"Port {self.port} was taken meanwhile: start again (log: {self.log}).")


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_NOT_INHERITED)}


def _answers(endpoint_url: str) -> bool:
    try:
        return ask(f"{endpoint_url}/_local/ready", seconds=1)[0] == _HTTP_OK
    except NoAnswer:
        return False


def _free_port(wanted: int | None) -> int:
    """The wanted port; without one the usual port, or any free one if that is taken.

    Raises:
        LocalAwsError: The wanted port is taken.
    """
    for port in (wanted,) if wanted is not None else (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LocalAwsError(f"Port {wanted} is taken: leave --port out to have a free one chosen.")


def _server_environment(port: int, kept: StateFolder) -> dict[str, str]:
    """The environment of the process: ministack's settings as they must be, and none of the user's."""
    return _without_settings(os.environ) | {
        "PERSIST_STATE": "1",
        "STATE_DIR": str(kept.services),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(kept.objects),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_EC2_METADATA_DISABLED": "true",
        # What `environment` gives to clients: URLs that they sign with it are held against it.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "PYTHONUNBUFFERED": "1",
    }
