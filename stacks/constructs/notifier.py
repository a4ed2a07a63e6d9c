"""The function that announces outcomes from the stream of the jobs table, its dead-letter queue and its alarms.

Figures: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

import json
from pathlib import Path
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from async_endpoint.protocol import JobState
from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.encryption_key import grant_use, grant_use_for_environment
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.queues import encrypted_queue
from stacks.constructs.staged_function import FunctionSpec, StagedFunction, SuppressionReasons
from stacks.constructs.webhook import Webhook, let_sign
from stacks.rules import suppress, suppress_wildcards
from stacks.settings.stage import StageSettings

_FUNCTION = "notify"
_DEAD_LETTER_RETENTION = Duration.days(14)
# The stream keeps a record for 24 hours. What is older by then is easier to find while the dead letter is young.
_OLDEST_RECORD = Duration.hours(6)
_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_ONE_FOR_A_SHARD = "The stream's shards bound it: one invocation each; reserving would take concurrency from the rest."
_KEPT_BY_THE_MAPPING = "It is invoked by its stream alone, and what that gives up on is reported to DeadLetters."
_IS_ONE = "It is a dead-letter queue: of an event source mapping, which the rule does not look at."


class Notifier(StagedFunction):
    """Sends an event to EventBridge for each job that has an outcome, and to the webhook; see `lambda/notify`.

    Only writes that leave a job with an outcome invoke the function; it compares them with the job before. After
    `workflow.max_attempts` deliveries, a batch being halved meanwhile, `dead_letters` has a message that names the
    records. Alarms notify `topic` of it, of records that wait, and of failing invocations.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        jobs: JobsTable,
        stream_arn: str,
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
            stream_arn: The table's stream, as a published value: it is create-only in the mapping.
            sources: The repository.
            key: Of the stage, if it has one.
            topic: Of all alarms.
        """
        name = settings.endpoint.name

        def grants(policy: iam.ManagedPolicy) -> None:
            jobs.grant_stream(policy)
            jobs.grant_get(policy)
            bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
            grant(policy, iam.PolicyStatement(sid="Announce", actions=["events:PutEvents"], resources=[bus]))
            if key:
                grant_use(key, policy)
                grant_use_for_environment(key, policy)

        super().__init__(
            scope,
            construct_id,
            FunctionSpec(
                name=_FUNCTION,
                description=f"Announces the outcome of each job of endpoint {name}",
                belongings="its stream, its log and what it announces",
                sources=sources,
                environment={"JOBS_TABLE": jobs.table.table_name, "ENDPOINT_NAME": name},
                grants=grants,
                settings=settings.workflow,
                key=key,
            ),
            reasons=SuppressionReasons(not_reserved=_ONE_FOR_A_SHARD, no_dead_letters=_KEPT_BY_THE_MAPPING),
        )
        suppress_wildcards(self.policy, {jobs.streams_arn: "A stream's name is the time at which it was switched on."})
        self._topic = topic
        self.dead_letters = encrypted_queue(self, "DeadLetters", key=key, retention_period=_DEAD_LETTER_RETENTION)
        suppress(self.dead_letters, {"AwsSolutions-SQS3": _IS_ONE})
        grant(
            self.policy,
            # Lambda reports as the function's role what it gives up on.
            iam.PolicyStatement(sid="GiveUp", actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn]),
        )
        self._feed_function(stream_arn)
        self._alarms(settings.alarms.queue_age_seconds)
        notifications = settings.notifications
        self.webhook: Webhook | None = None
        if notifications.webhook_url and notifications.webhook_secret:
            let_sign(self.function, self.policy, secret=notifications.webhook_secret, key=key)
            self.webhook = Webhook(self, "Webhook", endpoint_name=name, settings=notifications, key=key, topic=topic)

    @property
    def all_dead_letters(self) -> list[sqs.IQueue]:
        """Its DLQ, and that of the webhook if there is one."""
        return [self.dead_letters, *([self.webhook.dead_letters] if self.webhook else [])]

    @property
    def outputs(self) -> dict[str, tuple[str, str]]:
        """The stack outputs that announcing again needs: value and description of each."""
        outputs = {
            "NotifyFunctionName": (self.function.function_name, "Function that announces outcomes"),
            "EventsDeadLettersUrl": (self.dead_letters.queue_url, "DLQ of outcomes that were not announced"),
        }
        if self.webhook:
            url = self.webhook.dead_letters.queue_url
            outputs["WebhookDeadLettersUrl"] = (url, "DLQ of outcomes that the webhook did not accept")
        return outputs

    def _feed_function(self, stream_arn: str) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            "Outcomes",
            target=self.function,
            event_source_arn=stream_arn,
            # From its beginning: a write before the mapping polls is announced, and one that was announced twice.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=self._spec.settings.batch_size,
            retry_attempts=self._spec.settings.max_attempts - 1,
            max_record_age=_OLDEST_RECORD,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
        )
        resource = cast("lambda_.CfnEventSourceMapping", mapping.node.default_child)
        final = [state.value for state in JobState if state.is_final]
        resource.filter_criteria = lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
            filters=[
                lambda_.CfnEventSourceMapping.FilterProperty(
                    pattern=json.dumps({"dynamodb": {"NewImage": {"state": {"S": final}}}})
                )
            ]
        )
        # Not the construct's `on_failure`: it would add a second policy to the role.
        resource.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.dead_letters.queue_arn)
        )
        # Lambda checks at the mapping's creation whether it may read the stream and send to the queue.
        mapping.node.add_dependency(self.policy)

    def _alarms(self, age_seconds: int) -> None:
        NotifyingAlarm(
            self,
            "Alarm",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE
            ),
            threshold=1,
            description=(
                f"Function {_FUNCTION} gave up on outcomes: subscribers were not notified of them. The messages in "
                "this alarm's DLQ name the records of the stream. Find the cause in the function's log, fix it, then "
                "announce the jobs again."
            ),
            runbook="outcomes-were-not-announced",
            topic=self._topic,
        )
        NotifyingAlarm(
            self,
            "Waiting",
            metric=self.function.metric("IteratorAge", statistic=cloudwatch.Stats.MAXIMUM, period=_MINUTE),
            threshold=1000 * age_seconds,
            periods=3,
            description=f"Outcomes are announced {age_seconds} seconds late or more. Check whether function "
            f"{_FUNCTION} runs, and whether EventBridge throttles it.",
            runbook="outcomes-are-announced-late",
            topic=self._topic,
        )
        NotifyingAlarm(
            self,
            "Errors",
            metric=self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=_FIVE_MINUTES),
            threshold=1,
            periods=2,
            description=f"Function {_FUNCTION} fails or times out. Its records are delivered again: read its log.",
            runbook="a-function-breaks",
            topic=self._topic,
        )
