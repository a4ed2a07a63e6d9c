"""A queue and the function that works on its messages, with all that belongs to the two.

Figures: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarms import TellingAlarm
from stacks.constructs.queues import encrypted_queue
from stacks.lambda_code import staged
from stacks.rules import accept
from stacks.sections.workflow import WorkflowSettings

# AWS's public layer. Its versions are numbered alike for all Pythons and processors, and public projects pair the 36th
# with Powertools 3.31.1, which the local AWS runs; `aws lambda get-layer-version-by-arn` tells for sure.
_POWERTOOLS = "arn:aws:lambda:{region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:36"
# A message's age is counted from its first queue on, so that it may be twice as old in the second.
_QUEUE_RETENTION = Duration.days(7)
_DEAD_LETTER_RETENTION = Duration.days(14)
_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_MANAGED_ELSEWHERE = 'encryption is "aws-managed" for this stage: {} with keys of its own.'
_NOTHING_RESERVED = (
    "The event source's maximum concurrency bounds it; reserving would take concurrency from the rest of the account."
)
_KEPT_BY_THE_QUEUE = "It is invoked by its queue alone, which keeps every message that it gives up on in DeadLetters."
_OUTSIDE_OF_VPC = (
    "It talks to AWS's own services over TLS with its role's credentials; a VPC adds endpoints to pay and no boundary."
)


class QueueWorker(Construct):
    """Delivers each message until the function no longer reports it as failed; after its last try it is kept aside.

    `queue` and `dead_letters` take TLS only. They are encrypted under the given key, as logs and environment are, or by
    SQS itself, so that SNS and EventBridge can send to them unasked. Messages of one batch fail alone. Alarms tell
    `topic` of the first message that was kept aside, of messages that nobody takes, and of a function that breaks.

    No concurrency is reserved: that would take it from the rest of the account, and fail where the account has little.
    The event source's own limit does not let messages run into throttling.
    """

    def __init__(  # noqa: PLR0913 - what it is wired to, each by its keyword
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: str,
        description: str,
        sources: Path,
        environment: Mapping[str, str],
        permissions: Sequence[iam.PolicyStatement],
        settings: WorkflowSettings,
        queue_age_seconds: int,
        key: kms.IKey | None,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = key
        self._topic = topic
        self.dead_letters = encrypted_queue(self, "DeadLetters", key=key, retention_period=_DEAD_LETTER_RETENTION)
        self.queue = encrypted_queue(
            self,
            "Queue",
            key=key,
            visibility_timeout=Duration.seconds(settings.visibility_seconds),
            retention_period=_QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=settings.max_attempts),
        )
        self.log_group = self._log_group()
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What function {function} acts as",
        )
        self.policy = self._policy(function, permissions)
        self.function = self._function(function, description, sources, environment)
        self._feed_function()
        self._alarms(function, queue_age_seconds)

    def _log_group(self) -> logs.LogGroup:
        # Left to Lambda the group would never expire, and have a name of its own making.
        group = logs.LogGroup(self, "Logs", removal_policy=RemovalPolicy.DESTROY, encryption_key=self._key)
        # In days, as the settings have it; the construct takes names only.
        cast("logs.CfnLogGroup", group.node.default_child).retention_in_days = self._settings.log_retention_days
        if not self._key:
            accept(group, {"CKV_AWS_158": _MANAGED_ELSEWHERE.format("CloudWatch Logs encrypts every group")})
        return group

    def _policy(self, function: str, permissions: Sequence[iam.PolicyStatement]) -> iam.ManagedPolicy:
        """A policy of its own, without the managed one that lets a function write into every log group."""
        policy = iam.ManagedPolicy(
            self,
            "Permissions",
            description=f"What function {function} may do with its queue, its log and what it works on",
            roles=[self.role],
            statements=list(permissions),
        )
        self.log_group.grant_write(policy)
        self.queue.grant_consume_messages(policy)
        return policy

    def _function(self, name: str, description: str, sources: Path, environment: Mapping[str, str]) -> lambda_.Function:
        layer = _POWERTOOLS.format(region=Stack.of(self).region)
        with staged(name, sources=sources) as folder:
            function = lambda_.Function(
                self,
                "Function",
                description=description,
                runtime=lambda_.Runtime.PYTHON_3_14,
                architecture=lambda_.Architecture.X86_64,
                handler=f"{name}.handler.handler",
                code=lambda_.Code.from_asset(str(folder)),
                layers=[lambda_.LayerVersion.from_layer_version_arn(self, "Powertools", layer)],
                environment_encryption=self._key,
                environment={"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": "INFO", **environment},
                timeout=Duration.seconds(self._settings.timeout_seconds),
                memory_size=self._settings.memory_mb,
                role=self.role,
                log_group=self.log_group,
            )
        accept(
            function,
            {
                "CKV_AWS_115": _NOTHING_RESERVED,
                "NIST.800.53.R5-LambdaConcurrency": _NOTHING_RESERVED,
                "CKV_AWS_116": _KEPT_BY_THE_QUEUE,
                "NIST.800.53.R5-LambdaDLQ": _KEPT_BY_THE_QUEUE,
                "CKV_AWS_117": _OUTSIDE_OF_VPC,
                "NIST.800.53.R5-LambdaInsideVPC": _OUTSIDE_OF_VPC,
                # The CDK writes DependsOn for a role that the function refers to anyway.
                "W3005": "",
            },
        )
        if not self._key:
            accept(
                function,
                {"CKV_AWS_173": _MANAGED_ELSEWHERE.format("Lambda encrypts the environment, which holds no secret,")},
            )
        return function

    def _feed_function(self) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            "Messages",
            target=self.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=self._settings.batch_size,
            max_concurrency=self._settings.max_concurrency,
            report_batch_item_failures=True,
        )
        # Lambda looks whether it may read the queue when the mapping is made.
        mapping.node.add_dependency(self.policy)

    def _alarms(self, function: str, queue_age_seconds: int) -> None:
        TellingAlarm(
            self,
            "Alarm",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=1,
            told=(
                f"Function {function} gave up on messages after {self._settings.max_attempts} tries. They are in this "
                f"alarm's queue until {_DEAD_LETTER_RETENTION.to_days():g} days after they were sent. Find the reason "
                "in the function's log, put it right, then move them back: in SQS, start a DLQ redrive to "
                # Named, because SQS knows no source of what EventBridge or SNS has put here by itself.
                f"{self.queue.queue_name} as custom destination."
            ),
            runbook="messages-were-kept-aside",
            topic=self._topic,
        )
        TellingAlarm(
            self,
            "Waiting",
            metric=self.queue.metric_approximate_age_of_oldest_message(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=queue_age_seconds,
            periods=3,
            told=f"A message has waited {queue_age_seconds} seconds or more for function {function}. See whether the "
            "function runs, and what it is short of.",
            runbook="messages-wait-too-long",
            topic=self._topic,
        )
        TellingAlarm(
            self,
            "Errors",
            metric=self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=_FIVE_MINUTES),
            threshold=1,
            periods=2,
            told=f"Function {function} breaks or runs out of time. Its messages come again; read the function's log.",
            runbook="a-function-breaks",
            topic=self._topic,
        )
