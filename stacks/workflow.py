"""WorkflowStack: from an upload to the record of its outcome."""

from pathlib import Path
from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from async_endpoint.protocol import PINNED
from stacks.constructs.async_endpoint import AsyncEndpoint, log_group_name
from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.dashboard import Dashboard
from stacks.constructs.document_tags import let_tag
from stacks.constructs.encryption_key import grant_use
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.grants import grant
from stacks.constructs.job_policies import JobPolicies
from stacks.constructs.lanes import UrgentQueue, let_admit, let_ask
from stacks.constructs.notifier import Notifier
from stacks.constructs.output_locations import FAILURES, RESULTS, written_path
from stacks.constructs.published_values import ERROR_TOPIC, JOBS_STREAM, SUCCESS_TOPIC
from stacks.constructs.queue_worker import QueueWorker
from stacks.constructs.reconciler import Reconciler
from stacks.constructs.uploads import send_uploads
from stacks.constructs.waking import let_wake
from stacks.constructs.watchdog import Watchdog
from stacks.foundation import FoundationStack
from stacks.rules import suppress_wildcards
from stacks.settings.stage import StageSettings
from stacks.stage_stack import StageStack

INBOX = "inbox/"
URGENT_INBOX = "inbox-urgent/"
_SUBMIT = "submit"


class WorkflowStack(StageStack):
    """The workers `intake`, which submits documents, and `results`, which records outcomes, and what surrounds them.

    That is a reconciler, a notifier, a watchdog and a dashboard.

    It takes the endpoint's name from the settings, not from the resource: this stack deploys in seconds, never waits
    for an endpoint's update, and stays when the endpoint is destroyed. While there is no endpoint, its messages wait;
    after the last attempt they go to the DLQ.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        foundation: FoundationStack,
        sources: Path,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description="queues and functions that submit documents and record outcomes, dashboard",
        )
        self._settings = settings
        self._foundation = foundation
        self.intake = self._intake(sources)
        self.urgent = UrgentQueue(
            self,
            "Urgent",
            intake=self.intake,
            function=_SUBMIT,
            settings=settings,
            key=foundation.key,
            topic=foundation.alarms.topic,
        )
        bucket = foundation.buckets.input
        send_uploads(self, "Uploads", bucket, INBOX, to=self.intake, name="the intake queue")
        send_uploads(self, "UrgentUploads", bucket, URGENT_INBOX, to=self.urgent, name="the queue of urgent documents")
        if settings.workflow.admission:
            let_admit(self.intake, self.urgent, settings, jobs=foundation.jobs)
        self.results = self._results(sources)
        self._subscribe_to_topics(self.results)
        Watchdog(
            self,
            "Watchdog",
            settings=settings,
            jobs=foundation.jobs,
            intake=self.intake.queue,
            urgent=self.urgent.queue,
            results=self.results.queue,
            sources=sources,
            key=foundation.key,
            topic=foundation.alarms.topic,
        )
        self._reconciler(sources)
        self.notifier = self._notifier(sources)
        Dashboard(
            self,
            "Dashboard",
            metrics=EndpointMetrics(settings.endpoint.name, AsyncEndpoint.variant_name),
            endpoint_log_group=log_group_name(settings.endpoint.name),
            workers={"Intake": self.intake, "Results": self.results},
            more_dead_letters={"Urgent": self.urgent.dead_letters},
        )
        self._add_outputs(self._stack_outputs())

    def _intake(self, sources: Path) -> QueueWorker:
        settings, jobs = self._settings, self._foundation.jobs
        worker = QueueWorker(
            self,
            "Intake",
            function=_SUBMIT,
            description=f"Submits each document uploaded under {INBOX} or {URGENT_INBOX} to {settings.endpoint.name}",
            sources=sources,
            environment={
                "CLAIM_SECONDS": str(settings.workflow.claim_seconds),
                "ENDPOINT_NAME": settings.endpoint.name,
                "URGENT_PREFIX": URGENT_INBOX,
                "REQUEST_TTL_SECONDS": str(settings.endpoint.request_ttl_seconds),
                "INVOCATION_TIMEOUT_SECONDS": str(settings.limits.invocation_timeout_seconds),
            },
            grants=self._grant_submit,
            settings=settings,
            jobs=jobs,
            key=self._foundation.key,
            topic=self._foundation.alarms.topic,
        )
        reason = "Uploaders choose the keys; the function may read only documents of both inboxes."
        pinned = f"Each attempt has a copy of its own; the function writes only under {PINNED}."
        suppress_wildcards(worker.policy, dict.fromkeys(self._documents_arns, reason) | {self._pinned_arn: pinned})
        if settings.scaling.wakes_on_submit:
            let_wake(worker, settings)
        return worker

    def _grant_submit(self, policy: iam.ManagedPolicy) -> None:
        bucket, name = self._foundation.buckets.input, self._settings.endpoint.name
        self._foundation.jobs.grant_write(policy)
        self._foundation.jobs.grant_get_many(policy)
        grant(
            policy,
            # For HeadObject and as the source of CopyObject, also of a version that was overwritten; the function
            # downloads no document.
            iam.PolicyStatement(
                sid="LookAtDocuments",
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=self._documents_arns,
            ),
            iam.PolicyStatement(sid="PinDocuments", actions=["s3:PutObject"], resources=[self._pinned_arn]),
            # Without it a deleted document is 403, not 404.
            iam.PolicyStatement(sid="TellWhatIsGone", actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
            iam.PolicyStatement(
                sid="Invoke",
                actions=["sagemaker:InvokeEndpointAsync"],
                resources=[self.format_arn(service="sagemaker", resource="endpoint", resource_name=name)],
            ),
        )
        if self._foundation.key:
            grant_use(self._foundation.key, policy)

    def _results(self, sources: Path) -> QueueWorker:
        settings, jobs = self._settings, self._foundation.jobs
        worker = QueueWorker(
            self,
            "Results",
            function="record",
            description="Records the outcome of each job from SageMaker's notifications",
            sources=sources,
            environment={
                "INTAKE_QUEUE_URL": self.intake.queue.queue_url,
                "MAX_SUBMISSIONS": str(settings.workflow.max_submissions),
                "RETRY_DELAY_SECONDS": str(settings.workflow.retry_delay_seconds),
            },
            grants=self._grant_record,
            settings=settings,
            jobs=jobs,
            key=self._foundation.key,
            topic=self._foundation.alarms.topic,
        )
        if settings.workflow.admission:
            let_ask(worker, self.urgent, jobs=jobs)
        if failures := self._failures:
            suppress_wildcards(
                worker.policy,
                {failures.objects_arn: "SageMaker chooses the keys; the function may read only failure objects."},
            )
        return worker

    def _grant_record(self, policy: iam.ManagedPolicy) -> None:
        self._foundation.jobs.grant_write(policy)
        grant(
            policy,
            iam.PolicyStatement(
                sid="AskForAttempts", actions=["sqs:SendMessage"], resources=[self.intake.queue.queue_arn]
            ),
        )
        if failures := self._failures:
            grant(
                policy,
                # For the model's own sentence about a failure.
                iam.PolicyStatement(sid="ReadFailures", actions=["s3:GetObject"], resources=[failures.objects_arn]),
            )
        if self._foundation.key:
            grant_use(self._foundation.key, policy)

    def _reconciler(self, sources: Path) -> None:
        buckets, output = self._foundation.buckets, self._settings.output
        paths = (written_path(self, output.path, RESULTS, bucket=buckets.output), self._failures)
        Reconciler(
            self,
            "Reconciler",
            settings=self._settings,
            jobs=self._foundation.jobs,
            intake=self.intake,
            urgent=self.urgent,
            inbox=INBOX,
            urgent_inbox=URGENT_INBOX,
            inbox_bucket=buckets.input,
            written=[path for path in paths if path],
            sources=sources,
            key=self._foundation.key,
            topic=self._foundation.alarms.topic,
        )

    def _notifier(self, sources: Path) -> Notifier:
        foundation = self._foundation
        notifier = Notifier(
            self,
            "Notifier",
            settings=self._settings,
            jobs=foundation.jobs,
            stream_arn=foundation.published.read(self, JOBS_STREAM),
            sources=sources,
            key=foundation.key,
            topic=foundation.alarms.topic,
        )
        if self._settings.notifications.tag_documents:
            bucket = foundation.buckets.input
            inboxes = [BucketPath.from_bucket(bucket, inbox.rstrip("/")) for inbox in (INBOX, URGENT_INBOX)]
            let_tag(notifier.function, notifier.policy, inboxes, bucket_name=bucket.bucket_name)
        return notifier

    @property
    def _failures(self) -> BucketPath | None:
        return written_path(self, self._settings.output.failure_path, FAILURES, bucket=self._foundation.buckets.output)

    def _subscribe_to_topics(self, worker: QueueWorker) -> None:
        topics = self._foundation.topics
        published = {topics.success: SUCCESS_TOPIC, topics.error: ERROR_TOPIC}
        for topic in topics.all:
            subscription = topic.add_subscription(
                subscriptions.SqsSubscription(worker.queue, dead_letter_queue=worker.dead_letters)
            )
            # A create-only property.
            resource = cast("sns.CfnSubscription", subscription.node.default_child)
            resource.topic_arn = self._foundation.published.read(self, published[topic])

    def _stack_outputs(self) -> dict[str, tuple[str, str]]:
        location = self._foundation.buckets.input.s3_url_for_object
        retention = str(self._settings.workflow.job_retention_days)
        policies = JobPolicies(
            self,
            documents_arns=self._documents_arns,
            settings=self._settings,
            buckets=self._foundation.buckets,
            topics=self._foundation.topics.all,
            jobs=self._foundation.jobs,
            queues=[self.intake.queue, self.urgent.queue, self.results.queue],
            dead_letters=[worker.dead_letters for worker in (self.intake, self.urgent, self.results)],
            notifier=self.notifier,
            key=self._foundation.key,
            inbox=INBOX,
        )
        return {
            "InboxLocation": (location(INBOX), "Location whose documents are submitted without a further call"),
            "UrgentInboxLocation": (location(URGENT_INBOX), "Location whose documents are submitted before all others"),
            "JobsTableName": (self._foundation.jobs.table.table_name, "Table with the state of each job"),
            "JobRetentionDays": (retention, "Days for which the jobs table keeps a job"),
            "IntakeQueueUrl": (self.intake.queue.queue_url, "Queue of uploads and of requests for attempts"),
            "IntakeDeadLettersUrl": (self.intake.dead_letters.queue_url, "DLQ of the intake queue"),
            "UrgentQueueUrl": (self.urgent.queue.queue_url, "Queue of urgent uploads and of admitted documents"),
            "UrgentDeadLettersUrl": (self.urgent.dead_letters.queue_url, "DLQ of the queue of urgent uploads"),
            "ResultsQueueUrl": (self.results.queue.queue_url, "Queue of SageMaker's notifications"),
            "ResultsDeadLettersUrl": (self.results.dead_letters.queue_url, "DLQ of the results queue"),
            **self.notifier.outputs,
            **policies.outputs,
        }

    @property
    def _documents_arns(self) -> list[str]:
        return [self._foundation.buckets.input.arn_for_objects(f"{inbox}*") for inbox in (INBOX, URGENT_INBOX)]

    @property
    def _pinned_arn(self) -> str:
        return self._foundation.buckets.input.arn_for_objects(f"{PINNED}*")
