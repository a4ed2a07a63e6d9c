"""A queue, the function that processes its messages, and their alarms.

Figures: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.queues import encrypted_queue
from stacks.constructs.staged_function import StagedFunction, SuppressionReasons
from stacks.settings.workflow import WorkflowSettings

# SQS counts a message's age from its first queue on: it may be twice as old in the dead-letter queue.
_QUEUE_RETENTION = Duration.days(7)
_DEAD_LETTER_RETENTION = Duration.days(14)
_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_NOTHING_RESERVED = (
    "The event source's maximum concurrency bounds it; reserving would take concurrency from the rest of the account."
)
_KEPT_BY_THE_QUEUE = "It is invoked by its queue alone, which keeps every message that it gives up on in DeadLetters."


class QueueWorker(StagedFunction):
    """Delivers each message until the function succeeds; after the last attempt the message goes to the DLQ.

    `queue` and `dead_letters` require TLS. They are encrypted under the given key, like logs and environment, or by SQS
    itself, so that SNS and EventBridge can send to them without a grant. Messages of one batch fail one by one. Alarms
    notify `topic` of the first message in the DLQ, of messages that wait too long, and of failing invocations.

    No concurrency is reserved: it would be taken from the rest of the account, and fail where the account has little.
    The event source's limit keeps messages from being throttled.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: str,
        description: str,
        sources: Path,
        environment: Mapping[str, str],
        grants: Callable[[iam.ManagedPolicy], None],
        settings: WorkflowSettings,
        queue_age_seconds: int,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            function=function,
            description=description,
            belongings="its queue, its log and what it works on",
            sources=sources,
            environment=environment,
            grants=grants,
            reasons=SuppressionReasons(not_reserved=_NOTHING_RESERVED, no_dead_letters=_KEPT_BY_THE_QUEUE),
            timeout_seconds=settings.timeout_seconds,
            memory_mb=settings.memory_mb,
            settings=settings,
            key=key,
        )
        self._topic = topic
        self.dead_letters = encrypted_queue(self, "DeadLetters", key=key, retention_period=_DEAD_LETTER_RETENTION)
        self.queue = encrypted_queue(
            self,
            "Queue",
            key=key,
            visibility_timeout=Duration.seconds(settings.visibility_seconds),
            retention_period=_QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=settings.max_attempts),
        )
        self.queue.grant_consume_messages(self.policy)
        self._feed_function()
        self._alarms(function, queue_age_seconds)

    def _feed_function(self) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            "Messages",
            target=self.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=self._settings.batch_size,
            max_concurrency=self._settings.max_concurrency,
            report_batch_item_failures=True,
        )
        # Lambda checks at the mapping's creation whether it may read the queue.
        mapping.node.add_dependency(self.policy)

    def _alarms(self, function: str, queue_age_seconds: int) -> None:
        NotifyingAlarm(
            self,
            "Alarm",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=1,
            description=(
                f"Function {function} gave up on messages after {self._settings.max_attempts} attempts. They are in "
                f"this alarm's DLQ until {_DEAD_LETTER_RETENTION.to_days():g} days after they were sent. Find the "
                "cause in the function's log, fix it, then move the messages back: in SQS, start a DLQ redrive to "
                # Named, because SQS knows no source queue of messages that EventBridge or SNS sent here directly.
                f"{self.queue.queue_name} as custom destination."
            ),
            runbook="messages-were-dead-lettered",
            topic=self._topic,
        )
        NotifyingAlarm(
            self,
            "Waiting",
            metric=self.queue.metric_approximate_age_of_oldest_message(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=queue_age_seconds,
            periods=3,
            description=f"A message has waited {queue_age_seconds} seconds or more for function {function}. Check "
            "whether the function runs and whether it is throttled.",
            runbook="messages-wait-too-long",
            topic=self._topic,
        )
        NotifyingAlarm(
            self,
            "Errors",
            metric=self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=_FIVE_MINUTES),
            threshold=1,
            periods=2,
            description=f"Function {function} fails or times out. Its messages are delivered again: read its log.",
            runbook="a-function-breaks",
            topic=self._topic,
        )
