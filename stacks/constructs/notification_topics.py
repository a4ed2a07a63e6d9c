"""The topics to which SageMaker publishes the outcome of each request, and queues for their messages."""

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.queues import encrypted_queue
from stacks.settings.notifications import ERROR, SUCCESS, NotificationSettings

_QUEUE_RETENTION = Duration.days(7)
_DEAD_LETTER_RETENTION = Duration.days(14)


class NotificationTopics(Construct):
    """One topic for results, one for failures; publishing requires TLS. `success` or `error` is None when switched off.

    They are encrypted under the given key, or under the account's AWS-managed key for SNS. The policy of that key lets
    every principal of the account that may publish use it; SageMaker publishes as the execution role. A service that
    publishes as itself could not.

    A topic that the settings name has a queue, for a consumer that is not always connected, and an output with the
    queue's URL. Messages that SNS cannot deliver to the queue go to a dead-letter queue.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, key: kms.IKey | None, settings: NotificationSettings
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        topic_key = key or kms.Alias.from_alias_name(self, "Key", "alias/aws/sns")
        self.success = self._topic("Success", topic_key) if settings.success else None
        self.error = self._topic("Error", topic_key) if settings.error else None
        for name, topic in ((SUCCESS, self.success), (ERROR, self.error)):
            if topic and name in settings.queues:
                self._queue(name.capitalize(), topic)

    @property
    def all(self) -> tuple[sns.Topic, ...]:
        """The topics that are switched on."""
        return tuple(topic for topic in (self.success, self.error) if topic)

    def _topic(self, construct_id: str, key: kms.IKey) -> sns.Topic:
        return sns.Topic(self, construct_id, enforce_ssl=True, master_key=key)

    def _queue(self, name: str, topic: sns.Topic) -> None:
        dead_letters = encrypted_queue(
            self, f"{name}DeadLetters", key=self._key, retention_period=_DEAD_LETTER_RETENTION
        )
        queue = encrypted_queue(
            self,
            f"{name}Queue",
            key=self._key,
            retention_period=_QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=10),
        )
        topic.add_subscription(subscriptions.SqsSubscription(queue, dead_letter_queue=dead_letters))
        CfnOutput(
            self,
            f"{name}QueueUrl",
            value=queue.queue_url,
            description=f"Queue of the {name.lower()} topic",
        ).override_logical_id(f"{name}QueueUrl")
