"""WorkflowStack: from an upload to the record of what became of it."""

from pathlib import Path
from typing import cast

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.constructs.async_endpoint import AsyncEndpoint, log_group_name
from stacks.constructs.dashboard import Dashboard
from stacks.constructs.encryption_key import to_use
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.published_values import ERROR_TOPIC, SUCCESS_TOPIC
from stacks.constructs.queue_worker import QueueWorker
from stacks.constructs.watchdog import Watchdog
from stacks.foundation import FoundationStack
from stacks.rules import accept_wildcards
from stacks.settings.stage import StageSettings

INBOX = "inbox/"


class WorkflowStack(Stack):
    """Two workers: `intake` has each new document read, `results` records each end. And a watchdog of idle instances.

    The endpoint is known here by its name in the settings, not by its resource: this stack changes in seconds, never
    waits for an endpoint's update, and stays when the endpoint is destroyed. Until there is one again, its messages
    wait, and those that run out of tries are kept aside.
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
            stack_name=f"async-endpoint-{settings.stage}-workflow",
            description="Asynchronous endpoint: queues and functions that submit documents and record ends, dashboard",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )
        self._foundation = foundation
        self.intake = self._intake(settings, sources)
        self._send_uploads_to(self.intake)
        self.results = self._results(settings, sources)
        Watchdog(
            self,
            "Watchdog",
            settings=settings,
            jobs=foundation.jobs,
            intake=self.intake.queue,
            results=self.results.queue,
            sources=sources,
            key=foundation.key,
            topic=foundation.alarms.topic,
        )
        Dashboard(
            self,
            "Dashboard",
            metrics=EndpointMetrics(settings.endpoint.name, AsyncEndpoint.variant_name),
            endpoint_log_group=log_group_name(settings.endpoint.name),
            workers={"Intake": self.intake, "Results": self.results},
        )
        self._add_outputs(self._job_reader())

    def _intake(self, settings: StageSettings, sources: Path) -> QueueWorker:
        bucket, jobs = self._foundation.buckets.input, self._foundation.jobs
        documents = bucket.arn_for_objects(f"{INBOX}*")
        worker = QueueWorker(
            self,
            "Intake",
            function="submit",
            description=f"Has endpoint {settings.endpoint.name} read each document that is put under {INBOX}",
            sources=sources,
            environment={
                "JOBS_TABLE": jobs.table.table_name,
                "JOB_RETENTION_DAYS": str(settings.workflow.job_retention_days),
                "CLAIM_SECONDS": str(settings.workflow.claim_seconds),
                "ENDPOINT_NAME": settings.endpoint.name,
                "REQUEST_TTL_SECONDS": str(settings.endpoint.request_ttl_seconds),
                "INVOCATION_TIMEOUT_SECONDS": str(settings.limits.invocation_timeout_seconds),
            },
            permissions=[
                *jobs.to_record(),
                # HeadObject; nothing of a document is read here.
                iam.PolicyStatement(sid="LookAtDocuments", actions=["s3:GetObject"], resources=[documents]),
                # Without it a document that is gone is 403, not 404.
                iam.PolicyStatement(sid="TellWhatIsGone", actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
                iam.PolicyStatement(
                    sid="Invoke",
                    actions=["sagemaker:InvokeEndpointAsync"],
                    resources=[self._endpoint_arn(settings.endpoint.name)],
                ),
            ],
            settings=settings.workflow,
            queue_age_seconds=settings.alarms.queue_age_seconds,
            key=self._foundation.key,
            topic=self._foundation.alarms.topic,
        )
        accept_wildcards(
            worker.policy, {documents: f"A document is named by whoever uploads it; only those under {INBOX} are read."}
        )
        return worker

    def _send_uploads_to(self, worker: QueueWorker) -> None:
        events.Rule(
            self,
            "Uploads",
            description=f"Documents put under {INBOX} go to the intake queue",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._foundation.buckets.input.bucket_name]},
                    "object": {"key": [{"prefix": INBOX}]},
                },
            ),
            targets=[targets.SqsQueue(worker.queue, dead_letter_queue=worker.dead_letters)],
        )

    def _results(self, settings: StageSettings, sources: Path) -> QueueWorker:
        jobs, topics = self._foundation.jobs, self._foundation.topics
        worker = QueueWorker(
            self,
            "Results",
            function="record",
            description="Records what SageMaker tells of each job's end",
            sources=sources,
            environment={
                "JOBS_TABLE": jobs.table.table_name,
                "JOB_RETENTION_DAYS": str(settings.workflow.job_retention_days),
            },
            permissions=jobs.to_record(),
            settings=settings.workflow,
            queue_age_seconds=settings.alarms.queue_age_seconds,
            key=self._foundation.key,
            topic=self._foundation.alarms.topic,
        )
        published = {topics.success: SUCCESS_TOPIC, topics.error: ERROR_TOPIC}
        for topic in topics.all:
            subscription = topic.add_subscription(
                subscriptions.SqsSubscription(worker.queue, dead_letter_queue=worker.dead_letters)
            )
            # A create-only property.
            resource = cast("sns.CfnSubscription", subscription.node.default_child)
            resource.topic_arn = self._foundation.published.read(self, published[topic])
        return worker

    def _endpoint_arn(self, name: str) -> str:
        return self.format_arn(service="sagemaker", resource="endpoint", resource_name=name)

    def _job_reader(self) -> iam.ManagedPolicy:
        bucket = self._foundation.buckets.input
        documents = bucket.arn_for_objects(f"{INBOX}*")
        policy = iam.ManagedPolicy(
            self,
            "JobReader",
            description=f"Look up jobs by id, by state, or by the place of a document under {INBOX}",
            statements=[
                *self._foundation.jobs.to_read(),
                # A document's newest version names its job, also when it was deleted since.
                iam.PolicyStatement(sid="LookAtDocuments", actions=["s3:GetObject"], resources=[documents]),
                *([to_use(self._foundation.key)] if self._foundation.key else []),
                iam.PolicyStatement(
                    sid="ListVersions",
                    actions=["s3:ListBucket", "s3:ListBucketVersions"],
                    resources=[bucket.bucket_arn],
                ),
            ],
        )
        accept_wildcards(
            policy, {documents: f"Any document under {INBOX} may be asked for; of others only the keys can be listed."}
        )
        return policy

    def _add_outputs(self, reader: iam.ManagedPolicy) -> None:
        outputs = {
            "InboxLocation": (
                self._foundation.buckets.input.s3_url_for_object(INBOX),
                "Where a document is put to be read without another call",
            ),
            "JobsTableName": (self._foundation.jobs.table.table_name, "What became of each document, by job"),
            "JobReaderPolicyArn": (reader.managed_policy_arn, "Policy to attach to whoever looks up jobs"),
        }
        for output_id, (value, description) in outputs.items():
            CfnOutput(self, output_id, value=value, description=description)
