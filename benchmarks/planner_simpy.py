"""The planner's model as one would write it with SimPy: a process for each request, and one for the minutes.

The autoscaler is the same, ticked at each minute. Alarms read their whole windows, as they do in the local AWS.
"""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import simpy

from async_endpoint.cloudwatch import MINUTE, MetricKey, MetricStore
from async_endpoint.planner.publishing import SAMPLES
from async_endpoint.planner.scaling import StageScaling

if TYPE_CHECKING:
    from collections.abc import Generator

    from async_endpoint.planner import Conditions, Stage, Traffic


@dataclass
class SimPyModel:
    """One simulation with SimPy; `waits` is how long each request waited, in their order."""

    stage: Stage
    traffic: Traffic
    conditions: Conditions
    waits: array[float] = field(default_factory=lambda: array("d"))

    def run(self) -> None:
        """Runs the traffic."""
        traffic, conditions = self.traffic, self.conditions
        source = random.Random(conditions.seed)  # noqa: S311 - a simulation
        self._services = conditions.service.draw_many(len(traffic.arrivals), source)
        self._source = source
        self._env = simpy.Environment()
        self._slots = simpy.Store(self._env)  # a token for each idle slot
        self._wanted = self._in_service = self._starting = self._retiring = self._waiting = self._working = 0
        self.waits = array("d", [0.0]) * len(traffic.arrivals)
        self.changes: list[tuple[float, int]] = []
        self._store = MetricStore(delivery=conditions.delivery())
        scaling = StageScaling(self.stage, self, self._store, self, rules=conditions.rules)
        for alarm in scaling.alarms:
            scaling.scaler.put_alarm(alarm)
        self._scaler = scaling.scaler
        self._env.process(self._arrive())
        self._env.process(self._pass_minutes())
        self._env.run(until=traffic.seconds)

    def now(self) -> float:
        """Returns seconds since the epoch."""
        return float(self.traffic.begins_at + self._env.now)

    def desired(self, _: str) -> int:
        """See `CapacityPort.desired`."""
        return self._wanted

    def set_desired(self, _: str, capacity: int) -> None:
        """See `CapacityPort.set_desired`."""
        self.changes.append((self._env.now, capacity))
        more, self._wanted = capacity - self._wanted, capacity
        for _number in range(more):
            self._starting += 1
            self._env.process(self._start())
        for _number in range(-more):
            self._in_service -= 1
            if self._slots.items:
                self._slots.items.pop()
            else:
                self._retiring += 1

    def is_updating(self, _: str) -> bool:
        """See `CapacityPort.is_updating`."""
        return bool(self._starting or self._retiring)

    def running(self, _: str) -> int:
        """See `CapacityPort.running`."""
        return self._in_service

    def failure(self, _: str) -> str | None:
        """See `CapacityPort.failure`."""
        return None

    def _start(self) -> Generator[Any, Any, None]:
        yield self._env.timeout(self.conditions.start.draw(self._source))
        self._starting -= 1
        self._in_service += 1
        yield self._slots.put(None)

    def _arrive(self) -> Generator[Any, Any, None]:
        for index, arrival in enumerate(self.traffic.arrivals):
            yield self._env.timeout(arrival - self._env.now)
            self._env.process(self._process(index, arrival))

    def _process(self, index: int, arrival: float) -> Generator[Any, Any, None]:
        self._waiting += 1
        yield self._slots.get()
        self._waiting -= 1
        self.waits[index] = self._env.now - arrival
        self._working += 1
        self._count("RequestDownloadLatency", 40_000)
        yield self._env.timeout(self._services[index])
        self._working -= 1
        self._count("InvocationsProcessed", 1)
        if self._retiring:
            self._retiring -= 1
        else:
            yield self._slots.put(None)

    def _pass_minutes(self) -> Generator[Any, Any, None]:
        while True:
            worked = False
            for _ in SAMPLES:
                self._sample()
                worked |= self._working > 0
                yield self._env.timeout(MINUTE / len(SAMPLES))
            for _ in range(self._in_service):
                self._put("/aws/sagemaker/Endpoints", "CPUUtilization", 10_000 if worked else 3, self._env.now - 1)
                self._put("/aws/sagemaker/Endpoints", "GPUUtilization", 90 if worked else 0, self._env.now - 1)
            self._scaler.tick()

    def _sample(self) -> None:
        backlog = self._waiting + self._working
        of_queue = {"EndpointName": self.stage.endpoint_name}
        values = {
            "ApproximateBacklogSize": backlog,
            "HasBacklogWithoutCapacity": float(self._waiting > 0 and not self._in_service),
        }
        if self._in_service:
            values["ApproximateBacklogSizePerInstance"] = backlog / self._in_service
        for name, value in values.items():
            self._store.put(MetricKey.from_dimensions("AWS/SageMaker", name, of_queue), value, self.now())

    def _count(self, name: str, value: float) -> None:
        self._put("AWS/SageMaker", name, value, self._env.now)

    def _put(self, namespace: str, name: str, value: float, at: float) -> None:
        dimensions = {"EndpointName": self.stage.endpoint_name, "VariantName": self.stage.variant_name}
        self._store.put(MetricKey.from_dimensions(namespace, name, dimensions), value, self.traffic.begins_at + at)
