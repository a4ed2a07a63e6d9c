"""The alarms that send an update back to the old configuration."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs import endpoint_metrics
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.settings.updates import UpdateSettings

_METRICS = {
    "FailedInvocations": (endpoint_metrics.FAILED, "requests failed"),
    "ModelErrors": (endpoint_metrics.ERRORS_5XX, "answers of the model were errors of its own (5xx)"),
}


class RollbackAlarms(Construct):
    """One alarm on failed requests and one on the model's errors; `alarms` is empty where the stage wants none.

    Their metrics name the endpoint by its settings, not by its resource, so that the endpoint can wait for them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: EndpointMetrics,
        settings: UpdateSettings,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.alarms = tuple(
            NotifyingAlarm(
                self,
                construct_id,
                metric=metrics.variant(name, "Sum"),
                threshold=settings.rollback_failures,
                told=(
                    f"{settings.rollback_failures} or more {told} within a minute. An update that is under way goes "
                    "back to the old configuration."
                ),
                runbook="a-deploy-that-rolled-back",
                topic=topic,
            )
            for construct_id, (name, told) in (_METRICS.items() if settings.rollback_on_alarms else ())
        )
