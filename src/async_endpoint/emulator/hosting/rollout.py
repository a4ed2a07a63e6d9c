"""The deployments of one endpoint: how a new one takes over, and how the number of instances changes.

Blue/green: the new instances start beside those that serve, and all take requests from the one queue.

    coming ---- instances in service, no alarm ----> serving ---- replaced ----> leaving ----> (gone)
       |
       +------- a launch failed, or an alarm -------> (gone)

`endpoint_status` draws what DescribeEndpoint shows meanwhile.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint_status import EndpointStatus, StatusTracker
from async_endpoint.emulator.hosting.errors import CapacityNeverCame, InstanceUnavailable, LaunchFailed
from async_endpoint.emulator.hosting.rollback import RollbackWatch, rollback_alarms

logger = logging.getLogger(__name__)


class Rollout:
    """Changes an endpoint's deployments, each change in a thread of its own; thread-safe.

    Args:
        status: The endpoint's status, whose lock guards the deployments, too.
        context: What the deployments of the region share.

    Attributes:
        serving: The deployment that serves; None during the first one.
        coming: The deployment that is to serve. It stays after a failed creation.
        leaving: The deployment that was replaced and drains.
        weight: The variant's weight by UpdateEndpointWeightsAndCapacities; None for the config's.
        deployment_config: DeploymentConfig of the last deployment.
    """

    def __init__(self, status: StatusTracker, context: HostingContext) -> None:
        self.serving: Deployment | None = None
        self.coming: Deployment | None = None
        self.leaving: Deployment | None = None
        self.weight: float | None = None
        self.deployment_config: Mapping[str, Any] | None = None
        self._desired_at_stop = 0
        self._status = status
        self._context = context

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Every deployment that may have instances, the one that serves first."""
        found = (self.serving, self.coming, self.leaving)
        return tuple(dict.fromkeys(each for each in found if each is not None))

    @property
    def pending(self) -> Deployment | None:
        """The deployment that starts, while the endpoint is created or updated."""
        starting = self._status.status in (EndpointStatus.CREATING, EndpointStatus.UPDATING)
        return self.coming if starting and self.coming is not self.serving else None

    @property
    def config(self) -> Mapping[str, Any]:
        """The endpoint config that serves; during the first deployment the one that is to serve."""
        deployment = self.serving or self.coming
        return {} if deployment is None else deployment.config

    def first_count(self, deployment: Deployment, *, keep_count: bool) -> int:
        """Returns how many instances a deployment is to start."""
        if keep_count and self.serving is not None:
            return self.serving.fleet.desired
        return int(deployment.variant["InitialInstanceCount"])

    def deploy(
        self,
        deployment: Deployment,
        *,
        keep_count: bool,
        keep_weight: bool,
        deployment_config: Mapping[str, Any] | None,
    ) -> None:
        """Starts a deployment's instances and lets it take over; returns at once. See `HostedEndpoint.deploy`."""
        with self._status.lock:
            self._status.begin_change()
            self.coming = deployment
        self.deployment_config = deployment_config
        count = self.first_count(deployment, keep_count=keep_count)
        weight = self.weight if keep_weight else None
        self._run_in_background(lambda: self._roll_out(deployment, count, weight))

    def set_capacity(self, count: int | None, weight: float | None) -> None:
        """Changes the number of instances or the weight; returns at once. See `HostedEndpoint.set_capacity`."""
        with self._status.lock:
            self._status.begin_change()
            self.coming = None
        serving = self.serving
        if serving is None:
            raise RuntimeError(f"Endpoint {self._status.arn} changes its capacity, and no deployment serves.")
        self.weight = self.weight if weight is None else weight
        before = serving.fleet.desired
        if count is not None:
            serving.fleet.resize(count)
        self._run_in_background(lambda: self._settle(serving, before, count))

    def stop(self) -> tuple[Deployment, ...] | None:
        """Accepts no more changes, because the local AWS stops; returns the deployments, None if already stopped."""
        with self._status.lock:
            if not self._status.stop():
                return None
            self._desired_at_stop = 0 if self.serving is None else self.serving.fleet.desired
            return self.deployments

    def state(self) -> dict[str, Any]:
        """Returns the deployments as plain JSON for `restore`; to be called after `stop`."""
        deployment = self.serving or self.coming
        return {
            "deployment_config": self.deployment_config,
            "config": self.config,
            "model": None if deployment is None else deployment.model,
            "update_given_up": self.serving is not None and self.coming not in (None, self.serving),
            "desired": self._desired_at_stop,
            "weight": self.weight,
            "serves": self.serving is not None,
        }

    def restore(self, state: Mapping[str, Any], deployment: Deployment) -> None:
        """Reads what `state` returned; `deployment` is of its config and model. Nothing starts until `resume`."""
        self.deployment_config, self.weight = state["deployment_config"], state["weight"]
        self._desired_at_stop = state["desired"]
        if not state["serves"]:
            self.coming = deployment
            return
        self.serving = deployment
        if self._status.status is EndpointStatus.DELETING:
            return
        reason = state["failure_reason"]
        # A rollback has recorded its own reason.
        if state["update_given_up"] and self._status.status is not EndpointStatus.ROLLING_BACK:
            reason = "The local AWS was stopped during the update: the old configuration continues."
        self._status.restore_in_service(reason)

    def resume(self) -> None:
        """Starts the instances of what `restore` read: a creation begins anew, an update is given up."""
        status = self._status.status
        if self.serving is not None and status is EndpointStatus.IN_SERVICE:
            self.serving.fleet.resume(self._desired_at_stop)
        elif self.coming is not None and status is EndpointStatus.CREATING:
            self.deploy(self.coming, keep_count=False, keep_weight=False, deployment_config=self.deployment_config)

    def _roll_out(self, deployment: Deployment, count: int, weight: float | None) -> str | None:
        """Lets a deployment take over; returns why it could not."""
        alarms = rollback_alarms(self.deployment_config or {})
        if rejection := self._context.roles.endpoint_rejection(deployment.model, deployment.output, alarms):
            return rejection
        if reason := self._start(deployment, count):
            self._status.roll_back(reason)
            deployment.fleet.stop()
            return reason
        if self.serving is not None and (reason := self._watch_alarms()):
            self._status.roll_back(reason)
            deployment.fleet.stop(drain=True)
            self.serving.announce()
            return reason
        self._take_over(deployment, weight)
        return None

    @staticmethod
    def _start(deployment: Deployment, count: int) -> str | None:
        """Starts a deployment's instances; returns why they did not come up."""
        deployment.fleet.resize(count)
        try:
            deployment.fleet.wait_until_settled()
        except LaunchFailed as error:
            if isinstance(error.__cause__, InstanceUnavailable):
                return str(error)
            return (
                f"The primary container for production variant {deployment.variant_name} "
                f"did not pass the ping health check. {error}"
            )
        return None

    def _watch_alarms(self) -> str | None:
        """Watches the alarms that roll an update back; returns the reason if one is in ALARM."""
        watch = RollbackWatch.from_deployment_config(self.deployment_config or {}, self._context)
        alarm = watch.wait_for_alarm(lambda: self._status.is_stopped)
        if alarm is None:
            return None
        return f"The following alarms were in ALARM during the deployment: [{alarm}]. It was rolled back."

    def _take_over(self, deployment: Deployment, weight: float | None) -> None:
        """Has a deployment serve, and removes the one before."""
        with self._status.lock:
            if self._status.is_stopped:
                return  # the next process continues with the old one, and gives this one up
            self.serving, self.weight, self.leaving = deployment, weight, self.serving
            self._status.failure_reason = None
        if self.leaving is not None:
            self.leaving.fleet.stop(drain=True)
            self.leaving = None
        deployment.announce()

    def _settle(self, deployment: Deployment, before: int, wanted: int | None) -> str | None:
        """Waits for a change of capacity; returns why it is not complete.

        An incomplete change stays at what came up, but not below what there was: an instance that died meanwhile is
        the fleet's to replace. After a vain wait for capacity there is no reason, as users of AWS report.
        """
        reason = None
        try:
            if wanted is not None:
                deployment.fleet.wait_until_settled()
        except LaunchFailed as error:
            reason = None if isinstance(error.__cause__, CapacityNeverCame) else str(error)
            if not self._status.is_stopped:
                deployment.fleet.resize(max(deployment.fleet.running, min(before, wanted or 0)))
        deployment.announce()
        return reason

    def _run_in_background(self, work: Callable[[], str | None]) -> None:
        """Runs the transition that has begun; its end and the new status become visible at the same moment."""

        def run() -> None:
            try:
                reason = work()
            except Exception:
                logger.exception("endpoint %s: a transition failed", self._status.arn)
                reason = "InternalFailure: see the log of the local AWS."
            with self._status.lock:
                if self.serving is not None and not self._status.is_stopped:
                    self.coming = None
                self._status.end_change(reason, serves=self.serving is not None)

        threading.Thread(target=run, name="endpoint-change", daemon=True).start()
