"""FoundationStack: what outlives every endpoint."""

from aws_cdk import Environment, Stack
from constructs import Construct

from stacks.constructs.alarm_topic import AlarmTopic
from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.encryption_key import EncryptionKey
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.notification_topics import NotificationTopics
from stacks.constructs.published_values import ERROR_TOPIC, KEY, OUTPUT_BUCKET, SUCCESS_TOPIC, PublishedValues
from stacks.settings.stage import CUSTOMER_MANAGED, StageSettings


class FoundationStack(Stack):
    """The documents' buckets, the topics of their ends, the table of jobs, the alarms' topic.

    `key` encrypts them all, where the stage has its own. Other stacks take the constructs themselves, and what they put
    into create-only properties from `published`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"async-endpoint-{settings.stage}-foundation",
            description="Asynchronous endpoint: buckets for documents, topics of ends and alarms, table of jobs",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )
        customer = settings.encryption == CUSTOMER_MANAGED
        self.key = EncryptionKey(self, "Encryption", settings=settings.data).key if customer else None
        self.buckets = DocumentBuckets(self, "Documents", key=self.key, settings=settings.data)
        self.topics = NotificationTopics(self, "Notifications", key=self.key, settings=settings.notifications)
        self.jobs = JobsTable(self, "Jobs", key=self.key, settings=settings.data)
        self.alarms = AlarmTopic(self, "Alarms", key=self.key, settings=settings.alarms)
        published = {OUTPUT_BUCKET: self.buckets.output.bucket_name}
        if self.topics.success:
            published[SUCCESS_TOPIC] = self.topics.success.topic_arn
        if self.topics.error:
            published[ERROR_TOPIC] = self.topics.error.topic_arn
        if self.key:
            published[KEY] = self.key.key_arn
        self.published = PublishedValues(self, "Published", stage=settings.stage, values=published)
