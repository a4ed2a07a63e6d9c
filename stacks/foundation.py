"""FoundationStack: what outlives every endpoint."""

from aws_cdk import Environment, Stack
from constructs import Construct

from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.notification_topics import NotificationTopics
from stacks.settings import StageSettings


class FoundationStack(Stack):
    """The documents' buckets, the topics of their ends, the table of jobs; others take the constructs themselves."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"async-endpoint-{settings.stage}-foundation",
            description="Asynchronous endpoint: buckets for documents, topics for notifications, table of jobs",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )
        self.buckets = DocumentBuckets(self, "Documents", settings=settings.data)
        self.topics = NotificationTopics(self, "Notifications")
        self.jobs = JobsTable(self, "Jobs", settings=settings.data)
