"""The client against an instant model: beside the usual sequential loop, and the SageMaker SDK's AsyncPredictor.

All of them talk to the same HTTP server on the loopback (`instant_endpoint`), in which every call takes as long as a
round trip to AWS, and which counts the calls. Each runs in a process of its own (`client_parts`, `in_sdk`). What is
measured of the loop and of the SDK is for each document, so they get fewer documents.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import urllib3

from benchmarks.client_parts import ENDPOINT, SHORTEST_TTL, receipts
from benchmarks.instant_endpoint import INPUTS
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOAL = 10.0
LEAST_CALLS_RATIO = 20.0
LEAST_DELAY_RATIO = 5.0
MOST_THREADS = 16
MOST_MEGABYTES = 150
DOCUMENTS = 2_000
LATENCY = 0.02  # seconds of every call
MODEL_SECONDS = 2.0  # of the model that is not instant

# The ways of sending, and their parts.
_OURS = {"inline": "inline", "uploaded": "stream", "run": "folder"}
_LOOP_DOCUMENTS = 200  # before ours, and again after it
_SLOW_DOCUMENTS = 300
_SDK_DOCUMENTS = 32
_SDK_THREADS = 16
_SDK_SPEED = 30.0
_SILENT_DOCUMENTS = 20
_SILENT_SECONDS = SHORTEST_TTL + 2 + 8.0  # its deadline, and time to start and to poll once more
_SECONDS = 300.0
_SAMPLE_SECONDS = 0.02
_CLIENTS = REPOSITORY / ".venv-clients" / "bin" / "python"
_NO_TELEMETRY = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"


@dataclass(frozen=True)
class _Measured:
    """What a part printed, and what was seen from outside.

    Attributes:
        figures: What it printed.
        calls: The calls to AWS, by operation.
        threads: The most that its process had at once.
    """

    figures: dict[str, Any]
    calls: dict[str, int]
    threads: int

    @property
    def calls_a_document(self) -> float:
        """Calls to AWS for each document whose result was returned."""
        return sum(self.calls.values()) / int(self.figures["delays"])

    @property
    def delay(self) -> float:
        """Seconds from the write of a result to its return, in the median."""
        return float(self.figures["delay"])

    @property
    def processor_milliseconds(self) -> float:
        """Time of the processor for each document, the start of the process included: other work does not change it."""
        return 1000 * float(self.figures["processor_seconds"]) / int(self.figures["delays"])

    def submitted_a_second(self, documents: int) -> float:
        """Documents that were accepted each second."""
        return documents / float(self.figures["submit_seconds"])


@dataclass(frozen=True)
class _Server:
    """A running `instant_endpoint`."""

    url: str

    def measure(self, *command: str, **variables: str) -> _Measured:
        """Runs a part against the server until it ends.

        Raises:
            RuntimeError: The part failed; its stderr has been shown.
        """
        self._calls()
        part = self.start(*command, **variables)
        threads, seen = 0, psutil.Process(part.pid)
        gives_up = time.monotonic() + _SECONDS
        try:
            while part.poll() is None and time.monotonic() < gives_up:
                with suppress(psutil.Error):  # it has just ended
                    threads = max(threads, seen.num_threads())
                time.sleep(_SAMPLE_SECONDS)
            return _Measured(printed(part, gives_up - time.monotonic()), self._calls(), threads)
        finally:
            part.kill()

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Starts a part."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            **variables,
        }
        return subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)

    def _calls(self) -> dict[str, int]:
        """Returns the calls since the last time."""
        counts: dict[str, int] = urllib3.request("POST", f"{self.url}/-/calls").json()
        return counts


def run() -> Result:
    """Measures all of them, one after the other but for the endpoint that never answers, beside the SDK."""
    if not _CLIENTS.exists():
        progress("installing the SageMaker SDK into .venv-clients …")
        subprocess.run([shutil.which("make") or "make", "--silent", ".venv-clients/.done"], cwd=REPOSITORY, check=True)
    with _server(LATENCY, 0) as instant, _server(LATENCY, MODEL_SECONDS) as slow, _server(LATENCY, -1) as silent:
        loops = [_part(instant, "loop", _LOOP_DOCUMENTS)]
        ours = {name: _part(instant, part, DOCUMENTS) for name, part in _OURS.items()}
        loops.append(_part(instant, "loop", _LOOP_DOCUMENTS))
        slow_ours = _part(slow, "stream", _SLOW_DOCUMENTS)
        began = time.monotonic()
        ends = silent.start(*_command("silent", _SILENT_DOCUMENTS))
        try:
            sdk, slow_sdk = (_sdk(server, 1) for server in (instant, slow))
            whole_sdk = _sdk(instant, _SDK_SPEED)
            expired = printed(ends, _SILENT_SECONDS - (time.monotonic() - began))
        finally:
            ends.kill()
    loop = statistics.mean(each.submitted_a_second(_LOOP_DOCUMENTS) for each in loops)
    return _Comparison(ours, loop, slow_ours, sdk, slow_sdk, whole_sdk, expired).result()


@dataclass(frozen=True)
class _Comparison:
    """All measurements.

    Attributes:
        ours: Of the client, by the way of sending: in the request, uploaded, or `run_folder`.
        loop: Documents that the sequential loop submits each second.
        slow_ours: The client, uploading, with the model that takes MODEL_SECONDS.
        sdk: The SDK until its last result.
        slow_sdk: The same with the model that takes MODEL_SECONDS.
        whole_sdk: The SDK until its process has ended.
        expired: What the client printed where no result ever comes.
    """

    ours: dict[str, _Measured]
    loop: float
    slow_ours: _Measured
    sdk: _Measured
    slow_sdk: _Measured
    whole_sdk: _Measured
    expired: dict[str, Any]

    def result(self) -> Result:
        """Compares them."""
        ratios = {name: each.submitted_a_second(DOCUMENTS) / self.loop for name, each in self.ours.items()}
        calls = max(each.calls_a_document for each in self.ours.values())
        return Result(
            ratios["inline"],
            GOAL,
            conditions={
                "calls_ok": self.whole_sdk.calls_a_document / calls >= LEAST_CALLS_RATIO,
                "delay_ok": self.slow_sdk.delay / self.slow_ours.delay >= LEAST_DELAY_RATIO,
                f"at_most_{MOST_THREADS}_threads": self._threads <= MOST_THREADS,
                f"below_{MOST_MEGABYTES}_mb": self._megabytes < MOST_MEGABYTES,
                "ends_by_itself": self.expired["expired"] == _SILENT_DOCUMENTS,
            },
            figures={
                "documents": DOCUMENTS,
                "call_milliseconds": round(1000 * LATENCY),
                "submitted_a_second": self._each(lambda each: each.submitted_a_second(DOCUMENTS), 1),
                "loop_submitted_a_second": round(self.loop, 1),
                "processor_milliseconds_a_document": self._each(lambda each: each.processor_milliseconds, 2),
                "ratios": {name: round(ratio, 2) for name, ratio in ratios.items()},
                "calls_a_document": self._each(lambda each: each.calls_a_document, 3),
                "sdk_calls_a_document": round(self.whole_sdk.calls_a_document, 2),
                "sdk_calls_a_document_until_returned": round(self.sdk.calls_a_document, 2),
                "delay_seconds": self._each(lambda each: each.delay, 3),
                "sdk_delay_seconds": round(self.sdk.delay, 3),
                "delay_ratios": self._each(lambda each: self.sdk.delay / each.delay, 1),
                "slow_model_seconds": MODEL_SECONDS,
                "slow_model_delay_seconds": round(self.slow_ours.delay, 3),
                "slow_model_sdk_delay_seconds": round(self.slow_sdk.delay, 3),
                "threads": self._threads,
                "run_threads": self.ours["run"].threads,
                "peak_megabytes": round(self._megabytes),
                "silent_seconds": round(self.expired["seconds"], 1),
                "sdk": self.sdk.figures["version"],
            },
        )

    @property
    def _threads(self) -> int:
        """The most threads of `AsyncEndpoint.map`."""
        return max(self.ours["inline"].threads, self.ours["uploaded"].threads)

    @property
    def _megabytes(self) -> float:
        return max(float(each.figures["peak_megabytes"]) for each in self.ours.values())

    def _each(self, of: Callable[[_Measured], float], digits: int) -> dict[str, float]:
        return {name: round(of(each), digits) for name, each in self.ours.items()}


@contextmanager
def _server(latency: float, model_seconds: float) -> Iterator[_Server]:
    command = [sys.executable, "-m", "benchmarks.instant_endpoint", str(latency), str(model_seconds)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if not process.stdin or not process.stdout:
            raise RuntimeError("The server has no pipes.")
        try:
            yield _Server(process.stdout.readline().strip())
        finally:
            process.stdin.close()  # it ends


def printed(part: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """Returns the last line that a process prints, parsed.

    Raises:
        RuntimeError: The process failed, or did not end within the seconds.
    """
    with part:
        try:
            output, _ = part.communicate(timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired as error:
            part.kill()
            raise RuntimeError(f"{_name(part)} did not end in time.") from error
    if part.returncode:
        raise RuntimeError(f"{_name(part)} failed with exit status {part.returncode}.")
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def _name(part: subprocess.Popen[str]) -> str:
    """Returns the beginning of a part's command."""
    words = part.args if isinstance(part.args, (list, tuple)) else [part.args]
    return " ".join(str(word) for word in words[:4])


def _command(part: str, count: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.client_parts", part, str(count)]


def _part(server: _Server, part: str, count: int) -> _Measured:
    progress(f"{part}: {count} documents …")
    return server.measure(*_command(part, count))


def _sdk(server: _Server, speed: float) -> _Measured:
    progress(f"the SDK: {_SDK_DOCUMENTS} documents, its waiters' pauses divided by {speed:g} …")
    with tempfile.TemporaryDirectory() as place:
        settings = Path(place, "sdk.yaml")
        settings.write_text(_NO_TELEMETRY, encoding="utf-8")
        return server.measure(
            str(_CLIENTS),
            *("benchmarks/in_sdk/predict.py", ENDPOINT, INPUTS, str(_SDK_THREADS), str(speed)),
            *map(str, receipts(_SDK_DOCUMENTS)),
            SAGEMAKER_USER_CONFIG_OVERRIDE=str(settings),
            SAGEMAKER_SUPPRESS_V2_WARNING="1",
        )
