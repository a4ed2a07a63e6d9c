"""A queue that feeds a function, its dead-letter queue, and the alarms on both.

Figures: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.queues import encrypted_queue
from stacks.constructs.staged_function import StagedFunction
from stacks.settings.workflow import WorkflowSettings

# SQS counts a message's age from its first queue on: it may be twice as old in the dead-letter queue.
_QUEUE_RETENTION = Duration.days(7)
_DEAD_LETTER_RETENTION = Duration.days(14)
_MINUTE = Duration.minutes(1)


class FedQueue:
    """A queue whose messages a function gets until it succeeds; after the last attempt a message goes to the DLQ.

    `queue` and `dead_letters` require TLS. They are encrypted under the given key, or by SQS itself, so that SNS and
    EventBridge can send to them without a grant. Messages of one batch fail one by one. Alarms notify `topic` of the
    first message in the DLQ, and of messages that wait too long.

    Not a construct: a worker's own queue keeps its place below the worker.
    """

    def __init__(
        self,
        scope: Construct,
        worker: StagedFunction,
        function: str,
        *,
        settings: WorkflowSettings,
        queue_age_seconds: int,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        """Creates both queues and their alarms in a scope.

        Args:
            scope: Of the queues, the mapping and the alarms.
            worker: Has the function, and the policy that may consume the messages.
            function: The function's name, for the alarms' descriptions.
            settings: Of the workflow.
            queue_age_seconds: Age of a message that raises an alarm.
            key: Of the stage, if it has one.
            topic: Of all alarms.
        """
        self._scope = scope
        self._settings = settings
        self.dead_letters = encrypted_queue(scope, "DeadLetters", key=key, retention_period=_DEAD_LETTER_RETENTION)
        self.queue = encrypted_queue(
            scope,
            "Queue",
            key=key,
            visibility_timeout=Duration.seconds(settings.visibility_seconds),
            retention_period=_QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=settings.max_attempts),
        )
        self.queue.grant_consume_messages(worker.policy)
        self._feed(worker)
        self._alarms(function, queue_age_seconds, topic)

    def _feed(self, worker: StagedFunction) -> None:
        mapping = lambda_.EventSourceMapping(
            self._scope,
            "Messages",
            target=worker.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=self._settings.batch_size,
            max_concurrency=self._settings.max_concurrency,
            report_batch_item_failures=True,
        )
        # Lambda checks at the mapping's creation whether it may read the queue.
        mapping.node.add_dependency(worker.policy)

    def _alarms(self, function: str, queue_age_seconds: int, topic: NotifiedTopic) -> None:
        NotifyingAlarm(
            self._scope,
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
            topic=topic,
        )
        NotifyingAlarm(
            self._scope,
            "Waiting",
            metric=self.queue.metric_approximate_age_of_oldest_message(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=queue_age_seconds,
            periods=3,
            description=f"A message has waited {queue_age_seconds} seconds or more for function {function}. Check "
            "whether the function runs and whether it is throttled.",
            runbook="messages-wait-too-long",
            topic=topic,
        )
