"""The time after an update in which an alarm sends it back.

Source: the developer guide, "Auto-rollback configuration and monitoring": SageMaker watches the alarms while it shifts
the traffic and until the old instances are gone, TerminationWaitInSeconds later; one in ALARM rolls the update back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.deployment import HostingContext

_POLL_SECONDS = 0.1


def rollback_alarms(deployment_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the alarms that send a deployment back."""
    rollback = deployment_config.get("AutoRollbackConfiguration", {})
    return tuple(alarm["AlarmName"] for alarm in rollback.get("Alarms", ()))


@dataclass(frozen=True)
class RollbackWatch:
    """The last part of an update: new instances serve, the old ones are still there.

    Attributes:
        alarms: Names of the alarms that send it back.
        seconds: For how long, on AWS's clock.
        context: Where alarms are read.
    """

    alarms: tuple[str, ...]
    seconds: float
    context: HostingContext

    @classmethod
    def of(cls, deployment_config: Mapping[str, Any], context: HostingContext) -> Self:
        """What a DeploymentConfig says of it; without alarms or a wait there is none."""
        policy = deployment_config.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {})
        # The waits between the steps of a canary or a linear shift are watched, too.
        waits = routing.get("WaitIntervalInSeconds", 0) if routing.get("Type") in ("CANARY", "LINEAR") else 0
        return cls(
            rollback_alarms(deployment_config), float(policy.get("TerminationWaitInSeconds", 0) + waits), context
        )

    def alarm_that_goes_off(self, until_ended: Callable[[], bool]) -> str | None:
        """Wait for the time to pass; the name of the first alarm in ALARM, None if there is none until then.

        Args:
            until_ended: Whether to give up waiting, because the local AWS ends.
        """
        until = self.context.clock.now() + self.seconds
        while True:
            if found := self._in_alarm():
                return found
            if self.context.clock.now() >= until or until_ended():
                return None
            time.sleep(_POLL_SECONDS)

    def _in_alarm(self) -> str | None:
        if not self.alarms:
            return None
        try:
            found = self.context.clients.cloudwatch.describe_alarms(AlarmNames=list(self.alarms))["MetricAlarms"]
        except (BotoCoreError, ClientError):
            return None
        return next((alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"), None)
