"""The policy of people who look at a stage and change nothing in it."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.async_endpoint import log_group_name
from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.rules import suppress_wildcards
from stacks.settings.model import BUILT, PREFIX
from stacks.settings.stage import StageSettings

_Found = TypeVar("_Found", bound=Construct)

# A role's name has at most 64 characters. CloudFormation cuts the stack's name for it, as far as seen to 24 at least.
# So the roles of two stages whose names begin alike have the same pattern.
_ROLE_NAME_BEGINS = 24
_NO_RESOURCE = "These actions take no resource: they list, or read metrics, which have no ARN."
_GENERATED = "AWS generates the rest of the name: of a role, an alarm, a stack, and of the streams of a log."
# `why` asks for the one key of the archive that serves, which may be that of an earlier deploy: hence no exact key. The
# bucket, which may have much else in it, cannot be listed.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
_ONE_ARCHIVE = {"StringLike": {"s3:prefix": "*.tar.gz"}}
_OTHERS = (
    "A rollback, or a person, may have another configuration or model serve; a reader has to see which. So a reader "
    "sees the environment variables of all models of the account in the region."
)


class StageReader(iam.ManagedPolicy):
    """Allows what `async-endpoint why`, `status`, `jobs` and `logs` read beyond the policy of readers of jobs.

    Nothing in it changes or deletes anything, though who reads dead letters hides them for a while. One policy of both,
    or a statement for each service, would have more characters than IAM allows, 6,144:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.

    What other stacks of the stage own is named by the settings and by the stacks' names: this stack deploys without
    them. Functions, mappings, rules and log groups are those in the stack's tree: create it last.

    Which actions take which resource: https://docs.aws.amazon.com/service-authorization/latest/reference/.
    """

    def __init__(
        self,
        scope: Stack,
        construct_id: str,
        *,
        settings: StageSettings,
        jobs: JobsTable,
        buckets: DocumentBuckets,
        topics: Sequence[sns.ITopic],
        queues: Sequence[sqs.IQueue],
        dead_letters: Sequence[sqs.IQueue],
        key: kms.IKey | None,
    ) -> None:
        # The description is create-only: another text replaces the policy, and with it what readers have attached.
        super().__init__(scope, construct_id, description="See why a stage does not work, its jobs and its logs")
        self._stack = scope
        self._settings = settings
        self._grant_named(jobs, buckets, topics, queues, key)
        self._grant_patterns()
        self._allow(
            # A sample, whose messages come back after a second.
            "DeadLetters",
            ["sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            [queue.queue_arn for queue in dead_letters],
        )
        scaling = ("ScalableTargets", "ScalingActivities", "ScalingPolicies", "ScheduledActions")
        actions = [*(f"application-autoscaling:Describe{each}" for each in scaling), "cloudwatch:GetMetricData"]
        self._allow("Scaling", actions, ["*"], _NO_RESOURCE)
        if archives := self._archive_bucket():
            self._allow("ListArchives", ["s3:ListBucket"], [archives], conditions=_ONE_ARCHIVE)

    def _allow(
        self,
        sid: str,
        actions: Sequence[str],
        resources: Sequence[str],
        wildcard: str | None = None,
        conditions: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Adds a statement; `wildcard` is the reason why its resources are patterns."""
        statement = iam.PolicyStatement(
            sid=sid, actions=list(actions), resources=list(resources), conditions=conditions
        )
        grant(self, statement)
        if wildcard:
            suppress_wildcards(self, dict.fromkeys(resources, wildcard))

    def _grant_named(
        self,
        jobs: JobsTable,
        buckets: DocumentBuckets,
        topics: Sequence[sns.ITopic],
        queues: Sequence[sqs.IQueue],
        key: kms.IKey | None,
    ) -> None:
        """Adds one statement of resources with a known name: each action takes those of its own type only."""
        functions = [each.attr_arn for each in self._of_type(lambda_.CfnFunction)]
        rules = [each.attr_arn for each in self._of_type(events.CfnRule)]
        resources = {
            "dynamodb:DescribeTable": [jobs.table.table_arn],
            "events:DescribeRule": rules,
            "events:ListTargetsByRule": rules,
            "kms:DescribeKey": [key.key_arn] if key else [],
            "lambda:GetEventSourceMapping": [
                self._arn("lambda", "event-source-mapping", each.ref, colon=True)
                for each in self._of_type(lambda_.CfnEventSourceMapping)
            ],
            "lambda:GetFunction": functions,
            "lambda:GetPolicy": functions,
            "s3:GetBucketNotification": [buckets.input.bucket_arn],
            "s3:GetBucketPolicy": [buckets.input.bucket_arn, buckets.output.bucket_arn],
            "sagemaker:DescribeEndpoint": [self._arn("sagemaker", "endpoint", self._settings.endpoint.name)],
            "sns:ListSubscriptionsByTopic": [topic.topic_arn for topic in topics],
            "sqs:GetQueueAttributes": [queue.queue_arn for queue in queues],
        }
        named = {action: arns for action, arns in resources.items() if arns}
        self._allow("Named", list(named), list(dict.fromkeys(arn for arns in named.values() for arn in arns)))

    def _grant_patterns(self) -> None:
        """Adds one statement of what has a name that only AWS knows beforehand, and the stage's own beginning."""
        foundation, endpoint, workflow = self._stack_names("foundation", "endpoint", "workflow")
        name = self._settings.endpoint.name
        generated = [
            *(self._arn("cloudformation", "stack", f"{stack}/*") for stack in (foundation, endpoint, workflow)),
            self._arn("iam", "role", f"{endpoint[:_ROLE_NAME_BEGINS]}*", region=""),
            self._arn("cloudwatch", "alarm", f"{endpoint}-*", colon=True),
            self._arn("cloudwatch", "alarm", f"{workflow}-*", colon=True),
            self._arn("cloudwatch", "alarm", f"TargetTracking-endpoint/{name}/*", colon=True),
            self._arn("logs", "log-group", f"{workflow}-*", colon=True),
            self._arn("logs", "log-group", f"{log_group_name(name)}:*", colon=True),
        ]
        served = [self._arn("sagemaker", kind, "*") for kind in ("endpoint-config", "model")]
        actions = [
            "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:ListStackResources",
            "cloudwatch:DescribeAlarms", "iam:ListAttachedRolePolicies", "iam:SimulatePrincipalPolicy",
            "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "sagemaker:DescribeEndpointConfig",
            "sagemaker:DescribeModel",
        ]  # fmt: skip
        self._allow("Generated", actions, [*generated, *served])
        suppress_wildcards(self, dict.fromkeys(generated, _GENERATED) | dict.fromkeys(served, _OTHERS))

    def _arn(self, service: str, resource: str, name: str, *, colon: bool = False, region: str | None = None) -> str:
        form = ArnFormat.COLON_RESOURCE_NAME if colon else ArnFormat.SLASH_RESOURCE_NAME
        return self._stack.format_arn(
            service=service, resource=resource, resource_name=name, arn_format=form, region=region
        )

    def _stack_names(self, *kinds: str) -> list[str]:
        return [f"async-endpoint-{self._settings.stage}-{kind}" for kind in kinds]

    def _of_type(self, kind: type[_Found]) -> list[_Found]:
        return [each for each in self._stack.node.find_all() if isinstance(each, kind)]

    def _archive_bucket(self) -> str | None:
        """Returns the ARN of the bucket of the model's archive, which `why` looks up and does not read.

        None for a model of many files under a prefix, which it does not look up.
        """
        model, stack = self._settings.model, self._stack
        if model.source == PREFIX:
            return None
        if model.source != BUILT:
            return BucketPath.from_url(self, str(model.location)).bucket_arn
        qualifier = stack.synthesizer.bootstrap_qualifier
        # The name that the CDK's bootstrap gives it; `async-endpoint rollback` reads it by the same.
        return (
            f"arn:{stack.partition}:s3:::cdk-{qualifier}-assets-{stack.account}-{stack.region}" if qualifier else None
        )
