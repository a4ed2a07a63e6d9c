"""The watchdog: a scheduled function that finds instances without work, without reading CloudWatch."""

from pathlib import Path

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.capacity_grants import READS_ANY_TARGET, grant_read_capacity, grant_set_capacity
from stacks.constructs.encryption_key import grant_use_for_environment, grant_use_for_topics
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.scheduled_function import ScheduledFunction, grant_queue_lengths
from stacks.constructs.staged_function import FunctionSpec
from stacks.rules import suppress
from stacks.settings.stage import StageSettings

_FUNCTION = "watchdog"


class Watchdog(ScheduledFunction):
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
        urgent: sqs.IQueue,
        results: sqs.IQueue,
        sources: Path,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        name, scaling = settings.endpoint.name, settings.scaling
        memory_key = f"watchdog of endpoint {name}; not a job, whose id has at most 64 characters"

        def grants(policy: iam.ManagedPolicy) -> None:
            grant_read_capacity(policy, name)
            if scaling.hard_stop and scaling.enabled:
                grant_set_capacity(policy, name, sid="StopInstances")
            jobs.grant_watch(policy, item=memory_key)
            grant_queue_lengths(policy, intake, urgent, results)
            _grant_notify(policy, topic)
            if key:
                grant_use_for_topics(key, policy)
                grant_use_for_environment(key, policy)

        super().__init__(
            scope,
            construct_id,
            FunctionSpec(
                name=_FUNCTION,
                description=f"Notifies of instances of endpoint {name} that run without work",
                belongings="its log, the endpoint, and what shows whether there is work",
                sources=sources,
                environment={
                    "ENDPOINT_NAME": name,
                    "VARIANT_NAME": AsyncEndpoint.variant_name,
                    "JOBS_TABLE": jobs.table.table_name,
                    "MEMORY_KEY": memory_key,
                    "INTAKE_QUEUE_URL": intake.queue_url,
                    "URGENT_QUEUE_URL": urgent.queue_url,
                    "RESULTS_QUEUE_URL": results.queue_url,
                    "ALARM_TOPIC_ARN": topic.topic_arn,
                    "RUNBOOK": topic.runbook("instances-run-without-work"),
                    **_limits(settings),
                },
                grants=grants,
                settings=settings.workflow,
                key=key,
            ),
            task="looks for instances without work",
            until_fixed="only the alarm on metrics finds instances without work",
            runbook="the-watchdog-fails",
            topic=topic,
        )
        suppress(self.policy, {"AwsSolutions-IAM5[Resource::*]": READS_ANY_TARGET})


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


def _grant_notify(policy: iam.ManagedPolicy, topic: NotifiedTopic) -> None:
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
