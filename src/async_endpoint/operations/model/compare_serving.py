"""One of the containers of a comparison: it runs as an instance's does, and gets documents."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from async_endpoint.emulator.containers.errors import ContainerDied, ContainerError, ContainerTimeout
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.emulator.hosting.instance_metrics import used_by
from async_endpoint.operations.model.check import installs_packages
from async_endpoint.operations.model.compare_outcomes import Outcome
from async_endpoint.operations.model.peak_memory import PeakMemory
from async_endpoint.protocol import DEFAULT_INVOCATION_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from pathlib import Path
    from types import TracebackType

    from async_endpoint.emulator.containers.environment import ServingEnvironment
    from async_endpoint.operations.model.stage import ContainerSettings

_QUIET_SECONDS = 0.5
_QUIET_SHARE = 0.1  # of one core, at which a container counts as idle
_MOST_QUIET_SECONDS = 120.0


class CompareError(Exception):
    """Models that cannot be compared; the message says why."""


@dataclass(frozen=True)
class Sample:
    """A document to send, which is read when it is sent; its name is that of the report."""

    name: str
    path: Path
    media_type: str


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: What the report calls it.
        archive: Its model.tar.gz.
        serving: The environment that stands in for its image.
        settings: What its container gets.
    """

    name: str
    archive: Path
    serving: ServingEnvironment
    settings: ContainerSettings


class ServedSide:
    """The running container of a side; ends when it is left.

    Args:
        side: What to run.
        workdir: A folder of its own.
    """

    def __init__(self, side: Side, workdir: Path) -> None:
        self.side = side
        settings = side.settings
        isolated = not installs_packages(side.archive) if settings.isolated is None else settings.isolated
        self._container = ModelContainer(side.archive, settings.environment, side.serving, workdir, isolated=isolated)
        self._memory: PeakMemory | None = None
        self.load_seconds = 0.0
        self.first_result_seconds = 0.0

    def __enter__(self) -> Self:
        """Makes it possible to stop the container whatever happens to it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends all processes of the container."""
        try:
            self._container.stop()
        finally:
            if self._memory is not None:
                self._memory.__exit__(kind, error, trace)

    @property
    def peak_memory_mb(self) -> int:
        """The most memory of all its processes so far."""
        return 0 if self._memory is None else self._memory.megabytes

    @property
    def _check(self) -> str:
        return f"async-endpoint model check --image {self.side.serving.image.name}"

    def start(self, first: Sample | None = None) -> None:
        """Starts the container, waits for the model, and times both, with the first document's result.

        Raises:
            CompareError: The model does not load.
        """
        began = time.perf_counter()
        try:
            self._container.start()
            self._memory = PeakMemory(self._container.pid or 0).__enter__()
            self._container.wait_ready(self.side.settings.startup_seconds)
        except ContainerError as error:
            reason = str(error).replace(f" (log: {self._container.log})", "")
            raise CompareError(f"{self.side.name}: {reason} `{self._check} --log` prints its log.") from error
        self.load_seconds = time.perf_counter() - began
        if first is not None:
            self.send(first)
            self.first_result_seconds = time.perf_counter() - began

    def wait_until_idle(self) -> None:
        """Waits until its processes take next to no processor time: further workers may still load the model."""
        deadline = time.monotonic() + _MOST_QUIET_SECONDS
        used = self._processor_seconds()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS)
            before, used = used, self._processor_seconds()
            if used - before < _QUIET_SHARE * _QUIET_SECONDS:
                return

    def send(self, sample: Sample) -> Outcome:
        """Sends a document as SageMaker does.

        Raises:
            CompareError: The container has ended.
        """
        body = sample.path.read_bytes()
        invocation = Invocation(body, timeout=DEFAULT_INVOCATION_TIMEOUT_SECONDS, content_type=sample.media_type)
        began = time.perf_counter()
        try:
            response = self._container.invoke(invocation)
        except (ContainerDied, ContainerTimeout) as error:
            if not self._container.alive:
                raise CompareError(
                    f"{self.side.name}: the container ended while it had {sample.name}. "
                    f"`{self._check} --sample {sample.path} --log` prints its log."
                ) from error
            return Outcome(None, None, str(error).encode(), time.perf_counter() - began)
        return Outcome(response.status, response.content_type, response.body, time.perf_counter() - began)

    def send_at_once(self, samples: Sequence[Sample], executor: Executor) -> tuple[list[Outcome], float]:
        """Sends as many documents at a time as the executor has threads; returns the outcomes, and the seconds.

        Raises:
            CompareError: The container has ended.
        """
        began = time.perf_counter()
        waiting = [executor.submit(partial(self.send, sample)) for sample in samples]
        outcomes = [each.result() for each in waiting]
        return outcomes, time.perf_counter() - began

    def _processor_seconds(self) -> float:
        used = used_by(self._container.pid or 0)
        return 0.0 if used is None else used[0]
