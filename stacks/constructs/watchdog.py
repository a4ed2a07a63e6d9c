"""The watchdog: a scheduled function that finds instances without work, without reading CloudWatch.

Schedule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.capacity_grants import READS_ANY_TARGET, grant_read_capacity, grant_set_capacity
from stacks.constructs.encryption_key import grant_use_for_environment, grant_use_for_topics
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.staged_function import StagedFunction, SuppressionReasons
from stacks.rules import suppress
from stacks.settings.stage import StageSettings

_FUNCTION = "watchdog"
# The function treats a gap of three of these as work that it has not seen.
_EVERY = Duration.minutes(5)
_TIMEOUT_SECONDS = 60
_LEAST_MEMORY_MB = 256
_ONE_EVENT = "One event every five minutes invokes it; reserving would take concurrency from the rest of the account."
_NEXT_RUN = "An event says only that it is time to look. The next run looks at the same things, five minutes later."


class Watchdog(StagedFunction):
    """Notifies `topic` of instances that run without work, and stops them if `scaling.hard_stop` is on.

    Two alarms report trouble of the watchdog itself: a failing function, and a schedule that cannot invoke it. These
    two do read CloudWatch. No alarm watches for a missing run: it would fire at every first deployment.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        jobs: JobsTable,
        intake: sqs.IQueue,
        results: sqs.IQueue,
        sources: Path,
        key: kms.IKey | None,
        topic: sns.ITopic,
    ) -> None:
        name, scaling = settings.endpoint.name, settings.scaling
        memory_key = f"watchdog of endpoint {name}; not a job, whose id has at most 64 characters"

        def grants(policy: iam.ManagedPolicy) -> None:
            grant_read_capacity(policy, name)
            if scaling.hard_stop and scaling.enabled:
                grant_set_capacity(policy, name, sid="StopInstances")
            jobs.grant_watch(policy, item=memory_key)
            _grant_queue_lengths(policy, intake, results)
            _grant_notify(policy, topic)
            if key:
                grant_use_for_topics(key, policy)
                grant_use_for_environment(key, policy)

        super().__init__(
            scope,
            construct_id,
            function=_FUNCTION,
            description=f"Notifies of instances of endpoint {name} that run without work",
            belongings="its log, the endpoint, and what shows whether there is work",
            sources=sources,
            environment={
                "ENDPOINT_NAME": name,
                "VARIANT_NAME": AsyncEndpoint.variant_name,
                "JOBS_TABLE": jobs.table.table_name,
                "MEMORY_KEY": memory_key,
                "INTAKE_QUEUE_URL": intake.queue_url,
                "RESULTS_QUEUE_URL": results.queue_url,
                "ALARM_TOPIC_ARN": topic.topic_arn,
                **_limits(settings),
            },
            grants=grants,
            reasons=SuppressionReasons(not_reserved=_ONE_EVENT, no_dead_letters=_NEXT_RUN),
            # A run ends long before the next. It takes 65 MB, but less memory also means less CPU.
            timeout_seconds=_TIMEOUT_SECONDS,
            memory_mb=max(_LEAST_MEMORY_MB, settings.workflow.memory_mb),
            settings=settings.workflow,
            key=key,
        )
        suppress(self.policy, {"AwsSolutions-IAM5[Resource::*]": READS_ANY_TARGET})
        self._alarms(self._schedule(), topic)

    def _schedule(self) -> events.Rule:
        # A retry, or a late run, would find nothing that the next run does not.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=_EVERY)
        return events.Rule(
            self,
            "Schedule",
            description="Runs the watchdog, which looks for instances without work",
            schedule=events.Schedule.rate(_EVERY),
            targets=[targets.LambdaFunction(self.function, max_event_age=_EVERY)],
        )

    def _alarms(self, rule: events.Rule, topic: sns.ITopic) -> None:
        not_invoked = cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="FailedInvocations",
            dimensions_map={"RuleName": rule.rule_name},
            statistic=cloudwatch.Stats.SUM,
            period=_EVERY,
        )
        errors = self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=_EVERY)
        for construct_id, metric, trouble in (
            ("Errors", errors, "The watchdog fails or times out: read its function's log."),
            (
                "NotInvoked",
                not_invoked,
                "The watchdog's schedule cannot invoke it: check the function's policy.",
            ),
        ):
            NotifyingAlarm(
                self,
                construct_id,
                metric=metric,
                threshold=1,
                periods=2,
                description=f"{trouble} Until it is fixed, only the alarm on metrics finds instances without work.",
                runbook="the-watchdog-fails",
                topic=topic,
            )


def _limits(settings: StageSettings) -> dict[str, str]:
    """Returns the environment variables by which the function recognises idle instances."""
    scaling, endpoint = settings.scaling, settings.endpoint
    return {
        "IDLE_MINUTES": str(settings.alarms.idle_minutes),
        "REQUEST_TTL_SECONDS": str(endpoint.request_ttl_seconds),
        "INVOCATION_TIMEOUT_SECONDS": str(settings.limits.invocation_timeout_seconds),
        "TRANSITION_SECONDS": str(longest_transition_seconds(settings)),
        "HARD_STOP": str(scaling.hard_stop).lower(),
        "UNSCALED_INSTANCES": str(0 if scaling.enabled else endpoint.initial_instance_count),
    }


def _grant_queue_lengths(policy: iam.ManagedPolicy, *queues: sqs.IQueue) -> None:
    grant(
        policy,
        iam.PolicyStatement(
            sid="MeasureQueues",
            actions=["sqs:GetQueueAttributes"],
            resources=[queue.queue_arn for queue in queues],
        ),
    )


def _grant_notify(policy: iam.ManagedPolicy, topic: sns.ITopic) -> None:
    grant(policy, iam.PolicyStatement(sid="Notify", actions=["sns:Publish"], resources=[topic.topic_arn]))


def longest_transition_seconds(settings: StageSettings) -> int:
    """Returns how long a change of the endpoint may take: the longest update, and one more start of an instance.

    The start is that of a creation, to which the update's limit does not apply, or of a rollback; whether the limit
    applies to a rollback is not documented:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html
    """
    endpoint = settings.endpoint
    start = endpoint.model_download_timeout_seconds + endpoint.startup_health_check_timeout_seconds
    return settings.updates.maximum_execution_seconds + start
