"""The alarms of an endpoint that notify people."""

import math

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs import endpoint_metrics as names
from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.settings.alarms import AlarmSettings

_FIVE_MINUTES = 300
_FAILURES = "{} or more requests failed within five minutes. Read their failure objects and the endpoint's log."
_EXPIRED = (
    "Requests expired within five minutes: they exceeded their time to live or their invocation timeout. Run more "
    "instances, then submit them again."
)
_NOT_NOTIFIED = (
    "SageMaker could not publish to a topic within five minutes: results exist, but nobody was notified. Check the "
    "topics, their key and the execution role."
)
_NOT_UPLOADED = (
    "SageMaker could not upload a result within five minutes. Check the output location, its key, and the execution "
    "role."
)


class EndpointAlarms(Construct):
    """Alarms on requests that wait too long, on outcomes other than results, and on idle instances.

    `kept_warm` is how many instances may run without work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: EndpointMetrics,
        kept_warm: int,
        settings: AlarmSettings,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = topic
        self._alarm(
            "StuckAtZero",
            metrics.queue(names.WITHOUT_CAPACITY, "Minimum"),
            threshold=1,
            periods=settings.stuck_minutes,
            description=f"Requests have waited for {settings.stuck_minutes} minutes and no instance has started. Check "
            "the endpoint's status and the latest scaling activities.",
            runbook="requests-wait-and-no-instance-comes",
        )
        self._alarm(
            "OldestRequest",
            metrics.queue(names.OLDEST, "Maximum"),
            threshold=settings.oldest_request_seconds,
            periods=3,
            description=f"A request has waited for {settings.oldest_request_seconds} seconds or more. Run more "
            "instances, or find out why requests take so long.",
            runbook="requests-wait-too-long",
        )
        self._failures(metrics, settings)
        self._idle(metrics, kept_warm, settings)

    def _failures(self, metrics: EndpointMetrics, settings: AlarmSettings) -> None:
        for construct_id, name, threshold, description, runbook in (
            ("Failures", names.FAILED, settings.failures, _FAILURES.format(settings.failures), "requests-fail"),
            ("Expired", names.EXPIRED, 1, _EXPIRED, "requests-expire"),
            ("NotificationFailures", names.NOTIFICATION_FAILURES, 1, _NOT_NOTIFIED, "notifications-or-uploads-fail"),
            ("UploadFailures", names.UPLOAD_FAILURES, 1, _NOT_UPLOADED, "notifications-or-uploads-fail"),
        ):
            self._alarm(
                construct_id,
                metrics.variant(name, "Sum", period_seconds=_FIVE_MINUTES),
                threshold=threshold,
                description=description,
                runbook=runbook,
            )

    def _idle(self, metrics: EndpointMetrics, kept_warm: int, settings: AlarmSettings) -> None:
        """Uses periods of five minutes: a late or missing minute then leaves the rest of its period.

        Without instances there is no CPU datapoint, and the comparison is false.
        """
        beyond = f"More than {kept_warm} instances" if kept_warm else "Instances"
        # One sample a minute from each instance that may be idle, and a margin of two.
        samples = kept_warm * _FIVE_MINUTES // names.MINUTE
        self._alarm(
            "IdleInstances",
            cloudwatch.MathExpression(
                expression=f"(running > {samples + 2 if samples else 0}) AND ((backlog + processed + failed) == 0)",
                label="Instances without work",
                period=Duration.seconds(_FIVE_MINUTES),
                using_metrics={
                    "running": metrics.running(period_seconds=_FIVE_MINUTES),
                    "backlog": metrics.queue(names.BACKLOG, "Maximum", period_seconds=_FIVE_MINUTES),
                    "processed": metrics.variant(names.PROCESSED, "Sum", period_seconds=_FIVE_MINUTES),
                    "failed": metrics.variant(names.FAILED, "Sum", period_seconds=_FIVE_MINUTES),
                },
            ),
            threshold=1,
            periods=math.ceil(settings.idle_minutes * names.MINUTE / _FIVE_MINUTES),
            description=f"{beyond} have run for {settings.idle_minutes} minutes without work, and cost money. Find out "
            "why scaling has not stopped them.",
            runbook="instances-run-without-work",
        )

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.Metric | cloudwatch.MathExpression,
        *,
        threshold: float,
        description: str,
        runbook: str,
        periods: int = 1,
    ) -> None:
        NotifyingAlarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            periods=periods,
            description=description,
            runbook=runbook,
            topic=self._topic,
        )
