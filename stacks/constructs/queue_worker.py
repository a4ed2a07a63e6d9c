"""A queue and the function that works on its messages, with all that belongs to the two.

Figures: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.lambda_code import staged
from stacks.workflow_settings import WorkflowSettings

# AWS's public layer. Its versions are numbered alike for all Pythons and processors, and public projects pair the 36th
# with Powertools 3.31.1, which the local AWS runs; `aws lambda get-layer-version-by-arn` tells for sure.
_POWERTOOLS = "arn:aws:lambda:{region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:36"
# A message's age is counted from its first queue on, so that it may be twice as old in the second.
_QUEUE_RETENTION = Duration.days(7)
_DEAD_LETTER_RETENTION = Duration.days(14)
_MINUTE = Duration.minutes(1)


class QueueWorker(Construct):
    """Delivers each message until the function no longer reports it as failed; after its last try it is kept aside.

    `queue` and `dead_letters` are encrypted by SQS itself, so that SNS and EventBridge can send to them unasked, and
    take TLS only. Messages of one batch fail alone. An alarm tells of the first message that was kept aside.

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
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_DEAD_LETTER_RETENTION,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(settings.visibility_seconds),
            retention_period=_QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=settings.max_attempts),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.log_group = self._log_group()
        self.role = self._role(function, permissions)
        self.function = self._function(function, description, sources, environment)
        self.alarm = self._alarm(function)

    def _log_group(self) -> logs.LogGroup:
        # Left to Lambda the group would never expire, and have a name of its own making.
        group = logs.LogGroup(self, "Logs", removal_policy=RemovalPolicy.DESTROY)
        # In days, as the settings have it; the construct takes names only.
        cast("logs.CfnLogGroup", group.node.default_child).retention_in_days = self._settings.log_retention_days
        return group

    def _role(self, function: str, permissions: Sequence[iam.PolicyStatement]) -> iam.Role:
        """A role without the managed policy that lets a function write into every log group of the account."""
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What function {function} acts as",
        )
        self.log_group.grant_write(role)
        for statement in permissions:
            role.add_to_policy(statement)
        return role

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
                environment={"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": "INFO", **environment},
                timeout=Duration.seconds(self._settings.timeout_seconds),
                memory_size=self._settings.memory_mb,
                role=self.role,
                log_group=self.log_group,
            )
        function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=self._settings.batch_size,
                max_concurrency=self._settings.max_concurrency,
                report_batch_item_failures=True,
            )
        )
        return function

    def _alarm(self, function: str) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description=(
                f"Function {function} gave up on messages after {self._settings.max_attempts} tries. They are in this "
                f"alarm's queue until {_DEAD_LETTER_RETENTION.to_days():g} days after they were sent. Find the reason "
                "in the function's log, put it right, then move them back: in SQS, start a DLQ redrive to "
                # Named, because SQS knows no source of what EventBridge or SNS has put here by itself.
                f"{self.queue.queue_name} as custom destination."
            ),
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=0,
            evaluation_periods=1,
            # A queue that was empty for six hours is no longer measured.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
