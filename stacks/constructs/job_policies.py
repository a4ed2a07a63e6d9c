"""The policies of people who work with a stage: to look up jobs, to operate on them, and to look for causes."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.encryption_key import grant_use
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.notifier import Notifier
from stacks.constructs.stage_reader import StageReader
from stacks.rules import suppress_wildcards
from stacks.settings.stage import StageSettings


class JobPolicies:
    """Three managed policies of a workflow stack, for the stage's users and roles to attach.

    `reader` finds jobs. `stage_reader` allows what else is read to find the cause of trouble.

    `operator` can do what `reader` can, and all that `async-endpoint retry`, `redrive`, `cancel`, `dlq`, `announce` and
    `jobs --cost` need. It may send to all queues, because SQS moves dead letters as the caller: so an operator could
    also forge a notification. Permissions of a move:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html

    Not a construct, so that the policies keep their place in the stack.
    """

    def __init__(
        self,
        scope: Stack,
        *,
        settings: StageSettings,
        documents_arns: Sequence[str],
        buckets: DocumentBuckets,
        topics: Sequence[sns.ITopic],
        jobs: JobsTable,
        queues: Sequence[sqs.IQueue],
        dead_letters: Sequence[sqs.IQueue],
        notifier: Notifier,
        key: kms.IKey | None,
        inbox: str,
    ) -> None:
        self._documents_arns = list(documents_arns)
        self._bucket = buckets.input
        self._jobs = jobs
        self._key = key
        self._inbox = inbox
        self.reader = self._reader(scope)
        self.operator = self._operator(scope, queues, dead_letters, notifier)
        self.stage_reader = StageReader(
            scope,
            "StageReader",
            settings=settings,
            jobs=jobs,
            buckets=buckets,
            topics=topics,
            queues=queues,
            dead_letters=[*dead_letters, *notifier.all_dead_letters],
            key=key,
        )

    @property
    def outputs(self) -> dict[str, tuple[str, str]]:
        """The stack outputs that name the policies: value and description of each."""
        return {
            "JobReaderPolicyArn": (self.reader.managed_policy_arn, "Policy to attach to readers of the jobs table"),
            "JobOperatorPolicyArn": (
                self.operator.managed_policy_arn,
                "Policy to attach to operators, who retry and cancel jobs and handle dead letters",
            ),
            "StageReaderPolicyArn": (
                self.stage_reader.managed_policy_arn,
                "Policy to attach, beside that of readers, to people who look for the cause of trouble",
            ),
        }

    def _reader(self, scope: Stack) -> iam.ManagedPolicy:
        policy = iam.ManagedPolicy(
            scope,
            "JobReader",
            # Create-only: another text replaces the policy, and with it what readers have attached.
            description=f"Look up jobs by id, by state, or by the place of a document under {self._inbox}",
        )
        self._jobs.grant_read(policy)
        self._grant_documents(policy)
        return policy

    def _operator(
        self,
        scope: Stack,
        queues: Sequence[sqs.IQueue],
        dead_letters: Sequence[sqs.IQueue],
        notifier: Notifier,
    ) -> iam.ManagedPolicy:
        policy = iam.ManagedPolicy(
            scope,
            "JobOperator",
            description="Look up, retry and cancel jobs, and list, redrive and purge dead letters",  # create-only, too
        )
        self._jobs.grant_operate(policy)
        self._grant_documents(policy)
        grant(
            policy,
            iam.PolicyStatement(
                sid="RequestAttemptsAndMoveBack",
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn for queue in queues],
            ),
            iam.PolicyStatement(
                sid="HandleDeadLetters",
                actions=[
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ListMessageMoveTasks",
                    "sqs:PurgeQueue",
                    "sqs:ReceiveMessage",
                    "sqs:StartMessageMoveTask",
                ],
                resources=[queue.queue_arn for queue in [*dead_letters, *notifier.all_dead_letters]],
            ),
            iam.PolicyStatement(
                sid="AnnounceAgain", actions=["lambda:InvokeFunction"], resources=[notifier.function.function_arn]
            ),
            # For what jobs cost. CloudWatch has no resources for its metrics.
            iam.PolicyStatement(sid="ReadMetrics", actions=["cloudwatch:GetMetricData"], resources=["*"]),
        )
        suppress_wildcards(policy, {"*": "GetMetricData takes no resource: metrics have no ARN."})
        return policy

    def _grant_documents(self, policy: iam.ManagedPolicy) -> None:
        grant(
            policy,
            # A document's newest version names its job, even if the document was deleted since.
            iam.PolicyStatement(sid="LookAtDocuments", actions=["s3:GetObject"], resources=self._documents_arns),
        )
        if self._key:
            grant_use(self._key, policy)
        grant(
            policy,
            iam.PolicyStatement(
                sid="ListVersions",
                actions=["s3:ListBucket", "s3:ListBucketVersions"],
                resources=[self._bucket.bucket_arn],
            ),
        )
        reason = "A reader may look up any document of both inboxes; of others it can only list the keys."
        suppress_wildcards(policy, dict.fromkeys(self._documents_arns, reason))
