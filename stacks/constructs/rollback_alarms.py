"""The alarms that roll an update back."""

from constructs import Construct

from stacks.constructs import endpoint_metrics
from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.settings.updates import UpdateSettings

_METRICS = {
    "FailedInvocations": (endpoint_metrics.FAILED, "requests failed"),
    "ModelErrors": (endpoint_metrics.ERRORS_5XX, "responses of the model were 5xx errors"),
}


class RollbackAlarms(Construct):
    """One alarm on failed requests and one on the model's errors; `alarms` is empty if the stage has none.

    Their metrics take the endpoint's name from the settings, not from the resource, so that the endpoint can depend on
    them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: EndpointMetrics,
        settings: UpdateSettings,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.alarms = tuple(
            NotifyingAlarm(
                self,
                construct_id,
                metric=metrics.variant(name, "Sum"),
                threshold=settings.rollback_failures,
                description=(
                    f"{settings.rollback_failures} or more {what} within a minute. An update in progress is rolled "
                    "back."
                ),
                runbook="a-deploy-that-rolled-back",
                topic=topic,
            )
            for construct_id, (name, what) in (_METRICS.items() if settings.rollback_on_alarms else ())
        )
