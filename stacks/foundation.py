"""FoundationStack: what outlives every endpoint."""

from constructs import Construct

from stacks.constructs.alarm_topic import AlarmTopic
from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.encryption_key import EncryptionKey
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.notification_topics import NotificationTopics
from stacks.constructs.published_values import (
    ERROR_TOPIC,
    JOBS_STREAM,
    KEY,
    OUTPUT_BUCKET,
    SUCCESS_TOPIC,
    PublishedValues,
)
from stacks.settings.stage import CUSTOMER_MANAGED, StageSettings
from stacks.stage_stack import StageStack


class FoundationStack(StageStack):
    """Document buckets, notification topics, jobs table and alarm topic.

    `key` encrypts all of them where the stage has a key of its own. Other stacks use the constructs themselves, and
    read values for create-only properties from `published`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description="document buckets, notification topics, jobs table, alarm topic",
        )
        has_own_key = settings.encryption == CUSTOMER_MANAGED
        self.key = EncryptionKey(self, "Encryption", settings=settings.data).key if has_own_key else None
        self.buckets = DocumentBuckets(self, "Documents", key=self.key, settings=settings.data)
        self.topics = NotificationTopics(self, "Notifications", key=self.key, settings=settings.notifications)
        self.jobs = JobsTable(self, "Jobs", key=self.key, settings=settings.data)
        self.alarms = AlarmTopic(self, "Alarms", key=self.key, settings=settings.alarms)
        self.published = PublishedValues(self, "Published", stage=settings.stage, values=self._values_to_publish())

    def _values_to_publish(self) -> dict[str, str]:
        values = {OUTPUT_BUCKET: self.buckets.output.bucket_name, JOBS_STREAM: self.jobs.stream_arn}
        if self.topics.success:
            values[SUCCESS_TOPIC] = self.topics.success.topic_arn
        if self.topics.error:
            values[ERROR_TOPIC] = self.topics.error.topic_arn
        if self.key:
            values[KEY] = self.key.key_arn
        return values
