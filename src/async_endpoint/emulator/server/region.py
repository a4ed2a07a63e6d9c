"""One region of the local AWS: its SageMaker, its Application Auto Scaling, and the metrics that join them."""

import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.api.autoscaling_service import ApplicationAutoScaling
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.execution_roles import ExecutionRoles
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.hosting.instance import InstanceFactory
from async_endpoint.emulator.hosting.instance_logs import InstanceLogs
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.sagemaker.control_plane import ControlPlane
from async_endpoint.emulator.server.alarm_states import AlarmStates
from async_endpoint.emulator.server.metric_publisher import MetricPublisher, SharedMetricStore
from async_endpoint.emulator.server.queue_metrics import QueueMetrics

logger = logging.getLogger(__name__)

# AWS's own namespaces: what is in the store under them was put there by the local AWS itself.
_OWN_NAMESPACES = ("AWS/SageMaker", "AWS/SQS", "/aws/sagemaker/")


@dataclass(frozen=True)
class ServerConfig:
    """What every region of one local AWS shares.

    Attributes:
        endpoint_url: Where the local AWS answers.
        workdir: A folder for what instances need.
        serving: The Python environment that stands in for the image.
        clock: AWS's clock.
        threads: Computing threads of each instance.
        assumptions: How the points are settled that AWS leaves open.
        times: How long instances take at least to come up.
        faults: What is to go wrong.
    """

    endpoint_url: str
    workdir: Path
    serving: ServingEnvironment
    clock: SystemClock
    threads: int
    assumptions: Assumptions = field(default_factory=Assumptions)
    times: InstanceTimes = field(default_factory=InstanceTimes)
    faults: Faults = field(default_factory=Faults)


class Region:
    """One account's region; thread-safe."""

    def __init__(self, account: str, name: str, config: ServerConfig) -> None:
        self.account = account
        self.name = name
        self.clock = config.clock
        self._store = SharedMetricStore(config.assumptions.delivery())
        workdir = config.workdir / name
        self.clients = clients = AwsClients(config.endpoint_url, name, account, workdir)
        factory = InstanceFactory(
            clients,
            config.serving,
            threads=config.threads,
            clock=self.clock,
            times=config.times,
            faults=config.faults,
        )

        self.autoscaling = ApplicationAutoScaling(
            ArnFactory(name, account, lambda: str(uuid4())),
            self.clock,
            self._store,
            VariantCapacities(self._endpoint),
            on_alarm_state=_log_state,
            in_step=self._alarms_in_step,
            rules=config.assumptions.rules,
        )
        self.history = History()
        context = HostingContext(
            clients,
            factory.make,
            self._store,
            self.clock,
            config.assumptions,
            config.faults,
            self.history,
            roles=ExecutionRoles(clients),
        )
        self.sagemaker = ControlPlane(context, self.autoscaling)
        self._alarms = AlarmStates(clients, self.autoscaling)
        self._queues = QueueMetrics(clients, self._store)
        self._publisher = MetricPublisher(clients, self._store, self.clock.now())
        self._logs = InstanceLogs(clients, context.data_log)
        self._minute = math.floor(self.clock.now() / MINUTE)
        self._ticking = threading.Lock()

    def state(self) -> dict[str, Any]:
        """Everything that outlives the process, as plain JSON for `restore`; to be called after `stop`."""
        return {
            "sagemaker": self.sagemaker.state(),
            "autoscaling": self.autoscaling.state(),
            "metrics": self._store.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what `state` gave; to be called before the first request. Nothing starts until `resume`."""
        self._store.restore(state["metrics"])
        self.sagemaker.restore(state["sagemaker"])
        self.autoscaling.restore(state["autoscaling"])
        self._alarms.adopt()

    def resume(self) -> None:
        """Start what `restore` took in; to be called when the local AWS answers, as instances ask it for everything."""
        self.sagemaker.resume()

    def observe(
        self, namespace: str, name: str, dimensions: Mapping[str, str], at: float | None, summary: Mapping[str, float]
    ) -> None:
        """Take in a datum that a client put into CloudWatch, at a moment of the wall's time (None: now)."""
        if namespace.startswith(_OWN_NAMESPACES):
            return
        age = 0.0 if at is None else (time.time() - at) * self.clock.speed
        self._store.put_statistics(
            MetricKey.from_dimensions(namespace, name, dict(dimensions)), summary, self.clock.now() - age
        )

    def alarm_was_set(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        """Scale by a state that somebody has just set in CloudWatch, unless that was this region itself."""
        if not self._alarms.is_showing(name, state):
            arguments = (name, state, reason, reason_data)
            threading.Thread(target=self._set_alarm, args=arguments, name=f"alarm-{name}", daemon=True).start()

    def alarm_moment(self, name: str, state: State | str) -> float | None:
        """When on AWS's clock an alarm came to the state that CloudWatch is being told by this region; else None."""
        return self._alarms.shown_since(name, state)

    def _set_alarm(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        with self._ticking:
            self._alarms.pull()  # it may have been put a moment ago
            self.autoscaling.set_alarm_state(name, state, reason, reason_data)

    @contextmanager
    def _alarms_in_step(self) -> Iterator[None]:
        """Have CloudWatch and the autoscaler know of the same alarms now, and not only at the end of the minute."""
        with self._ticking:
            self._alarms.pull()
        yield
        with self._ticking:
            self._alarms.push()

    def tick(self) -> None:
        """Sample every endpoint; when a minute of AWS's clock has ended, publish it and let alarms and scaling act."""
        with self._ticking:
            self._tick()

    def _tick(self) -> None:
        for endpoint in self.sagemaker.endpoints():
            endpoint.sample()
        now = self.clock.now()
        minute = math.floor(now / MINUTE)
        ended = minute > self._minute
        if ended:
            self._minute = minute
            for endpoint in self.sagemaker.endpoints():
                endpoint.measure()
            self._queues.sample(minute * MINUTE - 1)
        self._publisher.publish(now)
        if ended:
            self._alarms.pull()
            self.autoscaling.tick()
            self._alarms.push()

    def write_logs(self) -> None:
        """Have CloudWatch Logs show what instances have printed since the last time; to be called every second."""
        self._logs.write(self.sagemaker.endpoints())

    def _endpoint(self, name: str) -> HostedEndpoint | None:
        """As `ControlPlane.endpoint`, which is made after what asks: each of the two services knows the other."""
        return self.sagemaker.endpoint(name)

    def stop(self) -> None:
        """End every instance; a tick that is under way ends first."""
        with self._ticking:
            pass
        threads = [threading.Thread(target=endpoint.stop) for endpoint in self.sagemaker.end()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _log_state(alarm: MetricAlarm, old: State, new: State, reason: str) -> None:
    logger.info("alarm %s went from %s to %s: %s", alarm.name, old, new, reason)
