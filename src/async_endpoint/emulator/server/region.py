"""One region of the local AWS: its SageMaker, its Application Auto Scaling, and the metrics that join them."""

import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.api.autoscaling_service import ApplicationAutoScaling
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.execution_roles import ExecutionRoles
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.hosting.instance import InstanceFactory
from async_endpoint.emulator.hosting.instance_limits import InstanceLimits
from async_endpoint.emulator.hosting.instance_logs import InstanceLogs
from async_endpoint.emulator.sagemaker.control_plane import ControlPlane
from async_endpoint.emulator.server.alarm_states import AlarmStates
from async_endpoint.emulator.server.config import ServerConfig
from async_endpoint.emulator.server.function_metrics import FunctionMetrics
from async_endpoint.emulator.server.metric_publisher import MetricPublisher, SharedMetricStore
from async_endpoint.emulator.server.queue_metrics import QueueMetrics

logger = logging.getLogger(__name__)

# AWS's own namespaces: the local AWS itself has put their metrics into the store.
_OWN_NAMESPACES = ("AWS/SageMaker", "AWS/SQS", "AWS/Lambda", "AWS/Events", "/aws/sagemaker/")


class Region:
    """One account's region; thread-safe."""

    def __init__(self, account: str, name: str, config: ServerConfig) -> None:
        self.account = account
        self.name = name
        self.clock = config.clock
        self.history = History()
        self.clients = AwsClients(config.endpoint_url, name, account, config.workdir / name)
        self._store = SharedMetricStore(config.assumptions.delivery())
        self.autoscaling = self._make_autoscaling(config)
        context = self._make_context(config)
        self.sagemaker = ControlPlane(context, self.autoscaling)
        self._alarms = AlarmStates(self.clients, self.autoscaling)
        self._queues = QueueMetrics(self.clients, self._store, config.oldest_messages, self.clock)
        self.functions = FunctionMetrics(self._store, self.clock)
        self._publisher = MetricPublisher(self.clients, self._store, self.clock.now())
        self._logs = InstanceLogs(self.clients, context.data_log)
        self._minute = math.floor(self.clock.now() / MINUTE)
        self._ticking = threading.Lock()

    def state(self) -> dict[str, Any]:
        """Returns everything that outlives the process as plain JSON for `restore`; call it after `stop`."""
        return {
            "sagemaker": self.sagemaker.state(),
            "autoscaling": self.autoscaling.state(),
            "metrics": self._store.state(),
            "history": self.history.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned, before the first request; nothing starts until `resume`."""
        self._store.restore(state["metrics"])
        self.sagemaker.restore(state["sagemaker"])
        self.autoscaling.restore(state["autoscaling"])
        self._alarms.restore()
        if "history" in state:  # a state that an earlier release saved has none
            self.history.restore(state["history"])

    def resume(self) -> None:
        """Starts what was restored; call it once requests are served: instances send theirs at once."""
        self.sagemaker.resume()

    def stop(self) -> None:
        """Stops every instance, after the tick that is under way."""
        with self._ticking:
            pass
        threads = [threading.Thread(target=endpoint.stop) for endpoint in self.sagemaker.stop()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def record_metric(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        at: float | None,
        statistics: Mapping[str, float],
    ) -> None:
        """Records a datum that a client put into CloudWatch, at a moment that the client states (None: now).

        A client dates a datum by its own clock, the wall's, or by the time that a scheduled event gave it, which is
        AWS's: the moment is on the clock that it is nearer to. On the wall's clock a moment that is a minute before or
        after now is in the minute before or after, however fast AWS's clock runs.
        """
        if at is not None and namespace.startswith(_OWN_NAMESPACES):
            return
        now, wall = self.clock.now(), time.time()
        moment = now if at is None else at if abs(at - now) <= abs(at - wall) else now - (wall - at)
        self._store.put_statistics(MetricKey.from_dimensions(namespace, name, dict(dimensions)), statistics, moment)

    def apply_alarm_state(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        """Scales by a state that SetAlarmState gave to an alarm, unless this region itself has published it."""
        if self._alarms.state_updated_at(name, state) is None:
            arguments = (name, state, reason, reason_data)
            threading.Thread(target=self._set_alarm, args=arguments, name=f"alarm-{name}", daemon=True).start()

    def state_updated_at(self, name: str, state: str) -> float | None:
        """Returns when an alarm came to the state that this region publishes now; None if it publishes none."""
        return self._alarms.state_updated_at(name, state)

    def tick(self) -> None:
        """Samples every endpoint; at the end of each minute of AWS's clock, publishes it, evaluates alarms, scales."""
        with self._ticking:
            self._tick()

    def write_logs(self) -> None:
        """Writes what instances have printed since the last call to CloudWatch Logs."""
        self._logs.write(self.sagemaker.endpoints())

    def _make_autoscaling(self, config: ServerConfig) -> ApplicationAutoScaling:
        return ApplicationAutoScaling(
            ArnFactory(self.name, self.account, lambda: str(uuid4())),
            self.clock,
            self._store,
            VariantCapacities(self._find_endpoint),
            on_alarm_state=_log_state,
            in_step=self._alarms_in_step,
            rules=config.assumptions.rules,
        )

    def _find_endpoint(self, name: str) -> HostedEndpoint | None:
        """As `ControlPlane.endpoint`; the control plane is made after the autoscaling that calls this."""
        return self.sagemaker.endpoint(name)

    def _make_context(self, config: ServerConfig) -> HostingContext:
        factory = InstanceFactory(
            self.clients,
            config.serving,
            threads=config.threads,
            clock=self.clock,
            times=config.times,
            faults=config.faults,
        )
        return HostingContext(
            self.clients,
            factory.make,
            self._store,
            self.clock,
            config.assumptions,
            config.faults,
            self.history,
            roles=ExecutionRoles(self.clients),
            limits=InstanceLimits(lambda instance_type: config.quotas.value(self.name, instance_type)),
        )

    def _set_alarm(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        with self._ticking:
            self._alarms.pull()  # the alarm may have been put a moment ago
            self.autoscaling.set_alarm_state(name, state, reason, reason_data)

    @contextmanager
    def _alarms_in_step(self) -> Iterator[None]:
        """Gives CloudWatch and the autoscaler the same alarms now, and not only at the end of the minute."""
        with self._ticking:
            self._alarms.pull()
        yield
        with self._ticking:
            self._alarms.push()

    def _tick(self) -> None:
        for endpoint in self.sagemaker.endpoints():
            endpoint.sample()
        now = self.clock.now()
        minute = math.floor(now / MINUTE)
        is_minute_over = minute > self._minute
        if is_minute_over:
            self._minute = minute
            for endpoint in self.sagemaker.endpoints():
                endpoint.measure()
            self._queues.sample(minute * MINUTE - 1)
        self._publisher.publish(now)
        if is_minute_over:
            self._alarms.pull()
            self.autoscaling.tick()
            self._alarms.push()


def _log_state(alarm: MetricAlarm, old: State, new: State, reason: str) -> None:
    logger.info("alarm %s went from %s to %s: %s", alarm.name, old, new, reason)
