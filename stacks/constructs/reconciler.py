"""The reconciler: a scheduled function that finds jobs which no message will finish any more.

Its alarm on jobs without an outcome uses metrics that it publishes itself.
"""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from async_endpoint.protocol import OLDEST_SUBMITTED, WAKE_NAMESPACE, submitted_seconds_allowed
from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.encryption_key import grant_use, grant_use_for_environment
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.lanes import UrgentQueue
from stacks.constructs.queue_worker import QueueWorker
from stacks.constructs.scheduled_function import EVERY, ScheduledFunction, grant_queue_lengths
from stacks.constructs.staged_function import FunctionSpec
from stacks.rules import suppress, suppress_wildcards
from stacks.settings.stage import StageSettings

_FUNCTION = "reconcile"
_LOOK_AFTER_SECONDS = 900
_ONE_NAMESPACE = f"PutMetricData supports no resource; a condition allows only the namespace {WAKE_NAMESPACE}."


class Reconciler(ScheduledFunction):
    """Records outcomes that were never reported, and sends messages again that were lost; see `lambda/reconcile`.

    An alarm notifies `topic` of a job that stays SUBMITTED for longer than a request may take: the reconciler itself
    finishes such a job, so it fires only if the reconciler cannot.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        jobs: JobsTable,
        intake: QueueWorker,
        urgent: UrgentQueue,
        inbox: str,
        urgent_inbox: str,
        inbox_bucket: s3.IBucket,
        written: Sequence[BucketPath],
        sources: Path,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        """Creates it.

        Args:
            scope: The stack.
            construct_id: Its id.
            settings: Of the stage.
            jobs: The jobs table.
            intake: The worker that submits documents.
            urgent: The queue of urgent documents.
            inbox: The prefix of the inbox.
            urgent_inbox: The prefix of urgent documents.
            inbox_bucket: The bucket of both.
            written: Where the endpoint writes results and failures.
            sources: The repository.
            key: Of the stage, if it has one.
            topic: Of all alarms.
        """
        name, workflow = settings.endpoint.name, settings.workflow

        def grants(policy: iam.ManagedPolicy) -> None:
            jobs.grant_operate(policy)
            _grant_objects(policy, inbox_bucket, written)
            queues = (intake.queue, urgent.queue)
            grant_queue_lengths(policy, *queues, intake.dead_letters, urgent.dead_letters)
            grant(
                policy,
                iam.PolicyStatement(
                    sid="SendAgain", actions=["sqs:SendMessage"], resources=[queue.queue_arn for queue in queues]
                ),
                # By service authorization reference, "Actions, resources, and condition keys for Amazon CloudWatch".
                iam.PolicyStatement(
                    sid="PublishAges",
                    actions=["cloudwatch:PutMetricData"],
                    resources=["*"],
                    conditions={"StringEquals": {"cloudwatch:namespace": WAKE_NAMESPACE}},
                ),
            )
            if key:
                grant_use(key, policy)
                grant_use_for_environment(key, policy)

        super().__init__(
            scope,
            construct_id,
            FunctionSpec(
                name=_FUNCTION,
                description=f"Finds jobs of endpoint {name} whose messages were lost, and finishes them",
                belongings="its log, the jobs, and what shows their outcomes",
                sources=sources,
                environment={
                    "ENDPOINT_NAME": name,
                    "JOBS_TABLE": jobs.table.table_name,
                    "MEMORY_KEY": f"reconciler of endpoint {name}; not a job, whose id has at most 64 characters",
                    "INBOX_BUCKET": inbox_bucket.bucket_name,
                    "INBOX_PREFIX": inbox,
                    "URGENT_PREFIX": urgent_inbox,
                    "INTAKE_QUEUE_URL": intake.queue.queue_url,
                    "INTAKE_DEAD_LETTERS_URL": intake.dead_letters.queue_url,
                    "URGENT_QUEUE_URL": urgent.queue.queue_url,
                    "URGENT_DEAD_LETTERS_URL": urgent.dead_letters.queue_url,
                    "REQUEST_TTL_SECONDS": str(settings.endpoint.request_ttl_seconds),
                    "INVOCATION_TIMEOUT_SECONDS": str(settings.limits.invocation_timeout_seconds),
                    "LOOK_AFTER_SECONDS": str(_LOOK_AFTER_SECONDS),
                    "DELIVERY_SECONDS": str(workflow.max_attempts * workflow.visibility_seconds),
                    "JOB_RETENTION_DAYS": str(workflow.job_retention_days),
                    "MAX_SUBMISSIONS": str(workflow.max_submissions),
                    "RETRY_DELAY_SECONDS": str(workflow.retry_delay_seconds),
                },
                grants=grants,
                settings=workflow,
                key=key,
            ),
            task="finds jobs whose messages were lost",
            until_fixed="a job whose notification is lost stays SUBMITTED",
            runbook="the-reconciler-fails",
            topic=topic,
        )
        self._alarm_of_overdue_jobs(settings, topic)
        suppress(self.policy, {"AwsSolutions-IAM5[Resource::*]": _ONE_NAMESPACE})
        suppress_wildcards(
            self.policy,
            {
                path.objects_arn: "SageMaker chooses the keys; the function may only read results and failures."
                for path in written
            },
        )

    def _alarm_of_overdue_jobs(self, settings: StageSettings, topic: NotifiedTopic) -> None:
        request_seconds = settings.endpoint.request_ttl_seconds + settings.limits.invocation_timeout_seconds
        allowed = submitted_seconds_allowed(request_seconds)
        NotifyingAlarm(
            self,
            "Overdue",
            # Each run publishes it, if only 0. If none does, the reconciler's other alarms say why.
            metric=cloudwatch.Metric(
                namespace=WAKE_NAMESPACE,
                metric_name=OLDEST_SUBMITTED,
                dimensions_map={"EndpointName": settings.endpoint.name},
                statistic=cloudwatch.Stats.MAXIMUM,
                period=EVERY,
            ),
            threshold=allowed,
            # In the first run a single call may have failed.
            periods=2,
            description=f"A job has been SUBMITTED for {allowed} seconds or more, longer than a request may take, and "
            "the reconciler has not finished it. Read its function's log.",
            runbook="jobs-stay-submitted",
            topic=topic,
        )


def _grant_objects(policy: iam.ManagedPolicy, inbox: s3.IBucket, written: Sequence[BucketPath]) -> None:
    grant(
        policy,
        iam.PolicyStatement(sid="ListUploads", actions=["s3:ListBucketVersions"], resources=[inbox.bucket_arn]),
    )
    if written:
        grant(
            policy,
            iam.PolicyStatement(
                sid="ReadOutcomes", actions=["s3:GetObject"], resources=[path.objects_arn for path in written]
            ),
            # Without it a missing object is 403, not 404.
            iam.PolicyStatement(
                sid="TellWhatIsMissing",
                actions=["s3:ListBucket"],
                resources=sorted({path.bucket_arn for path in written}),
            ),
        )
