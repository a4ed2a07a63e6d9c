"""The time after an update during which an alarm rolls it back.

Source: the developer guide, "Auto-rollback configuration and monitoring": SageMaker watches the alarms while it shifts
the traffic and until the old instances are gone, TerminationWaitInSeconds later; one in ALARM rolls the update back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.context import HostingContext

_POLL_SECONDS = 0.1


def rollback_alarms(deployment_config: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names of the alarms that roll a deployment back."""
    rollback = deployment_config.get("AutoRollbackConfiguration", {})
    return tuple(alarm["AlarmName"] for alarm in rollback.get("Alarms", ()))


@dataclass(frozen=True)
class RollbackWatch:
    """The last part of an update: new instances serve, and the old ones still run.

    Attributes:
        alarms: Names of the alarms that roll the update back.
        seconds: How long they are watched, on AWS's clock.
        context: What the deployments of the region share; CloudWatch and the clock are used.
    """

    alarms: tuple[str, ...]
    seconds: float
    context: HostingContext

    @classmethod
    def from_deployment_config(cls, deployment_config: Mapping[str, Any], context: HostingContext) -> Self:
        """Returns what a DeploymentConfig asks for; without alarms or a wait there is nothing to watch."""
        policy = deployment_config.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {})
        # The waits between the steps of a canary or a linear shift are watched, too.
        waits = routing.get("WaitIntervalInSeconds", 0) if routing.get("Type") in ("CANARY", "LINEAR") else 0
        seconds = float(policy.get("TerminationWaitInSeconds", 0) + waits)
        return cls(rollback_alarms(deployment_config), seconds, context)

    def wait_for_alarm(self, is_stopped: Callable[[], bool]) -> str | None:
        """Waits for the time to pass; returns the name of the first alarm in ALARM, or None.

        Args:
            is_stopped: Whether to give up waiting, because the local AWS stops.
        """
        until = self.context.clock.now() + self.seconds
        while True:
            if found := self._alarm_now():
                return found
            if self.context.clock.now() >= until or is_stopped():
                return None
            time.sleep(_POLL_SECONDS)

    def _alarm_now(self) -> str | None:
        if not self.alarms:
            return None
        try:
            found = self.context.clients.cloudwatch.describe_alarms(AlarmNames=list(self.alarms))["MetricAlarms"]
        except (BotoCoreError, ClientError):
            return None
        return next((alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"), None)
