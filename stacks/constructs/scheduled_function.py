"""A function that EventBridge's schedule invokes every five minutes, with alarms on its own trouble.

Schedule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.grants import grant
from stacks.constructs.staged_function import FunctionSpec, StagedFunction, SuppressionReasons

# The period of every run. The watchdog treats a gap of three of these as work that it has not seen.
EVERY = Duration.minutes(5)
_TIMEOUT_SECONDS = 60
_LEAST_MEMORY_MB = 256
_ONE_EVENT = "One event every five minutes invokes it; reserving would take concurrency from the rest of the account."
_NEXT_RUN = "An event says only that it is time to look. The next run looks at the same things, five minutes later."


class ScheduledFunction(StagedFunction):
    """Looks at something every five minutes.

    Two alarms notify `topic` of a failing function, and of a schedule that cannot invoke it. No alarm watches for a
    missing run: it would fire at every first deployment.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        spec: FunctionSpec,
        *,
        task: str,
        until_fixed: str,
        runbook: str,
        topic: NotifiedTopic,
    ) -> None:
        """Creates it.

        Args:
            scope: The stack.
            construct_id: Its id.
            spec: The function.
            task: What it does, for the schedule's description.
            until_fixed: What happens while it fails, for the alarms' descriptions.
            runbook: The runbook of both alarms.
            topic: Notified by both alarms.
        """
        super().__init__(
            scope,
            construct_id,
            spec,
            reasons=SuppressionReasons(not_reserved=_ONE_EVENT, no_dead_letters=_NEXT_RUN),
            # A run ends long before the next. It takes 65 MB, but less memory also means less CPU.
            timeout_seconds=_TIMEOUT_SECONDS,
            memory_mb=max(_LEAST_MEMORY_MB, spec.settings.memory_mb),
        )
        # A retry, or a late run, would find nothing that the next run does not.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=EVERY)
        rule = events.Rule(
            self,
            "Schedule",
            description=f"Runs the {spec.name}, which {task}",
            schedule=events.Schedule.rate(EVERY),
            targets=[targets.LambdaFunction(self.function, max_event_age=EVERY)],
        )
        self._alarms(spec.name, rule, until_fixed, runbook, topic)

    def _alarms(self, function: str, rule: events.Rule, until_fixed: str, runbook: str, topic: NotifiedTopic) -> None:
        not_invoked = cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="FailedInvocations",
            dimensions_map={"RuleName": rule.rule_name},
            statistic=cloudwatch.Stats.SUM,
            period=EVERY,
        )
        errors = self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=EVERY)
        for construct_id, metric, trouble in (
            ("Errors", errors, f"The {function} fails or times out: read its function's log."),
            (
                "NotInvoked",
                not_invoked,
                f"The {function}'s schedule cannot invoke it: check the function's policy.",
            ),
        ):
            NotifyingAlarm(
                self,
                construct_id,
                metric=metric,
                threshold=1,
                periods=2,
                description=f"{trouble} Until it is fixed, {until_fixed}.",
                runbook=runbook,
                topic=topic,
            )


def grant_queue_lengths(policy: iam.ManagedPolicy, *queues: sqs.IQueue) -> None:
    """Allows to ask how many messages are in the queues."""
    grant(
        policy,
        iam.PolicyStatement(
            sid="MeasureQueues",
            actions=["sqs:GetQueueAttributes"],
            resources=[queue.queue_arn for queue in queues],
        ),
    )
