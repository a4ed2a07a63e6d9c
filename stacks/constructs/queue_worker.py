"""A queue, the function that processes its messages, and their alarms."""

from collections.abc import Callable, Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.fed_queue import FedQueue
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.staged_function import FunctionSpec, StagedFunction, SuppressionReasons
from stacks.settings.stage import StageSettings

_FIVE_MINUTES = Duration.minutes(5)
_NOTHING_RESERVED = (
    "The event source's maximum concurrency bounds it; reserving would take concurrency from the rest of the account."
)
_KEPT_BY_THE_QUEUE = "It is invoked by its queue alone, which keeps every message that it gives up on in DeadLetters."


class QueueWorker(StagedFunction):
    """Delivers each message until the function succeeds; after the last attempt the message goes to the DLQ.

    The function gets the name of the jobs table and how long it keeps a job. `queue` and `dead_letters` are those of a
    `FedQueue`. Logs, environment and queues are encrypted under the given key. One more alarm notifies `topic` of
    failing invocations.

    No concurrency is reserved: it would be taken from the rest of the account, and fail where the account has little.
    The event source's limit keeps messages from being throttled.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: str,
        description: str,
        sources: Path,
        environment: Mapping[str, str],
        grants: Callable[[iam.ManagedPolicy], None],
        settings: StageSettings,
        jobs: JobsTable,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        workflow = settings.workflow
        spec = FunctionSpec(
            name=function,
            description=description,
            belongings="its queue, its log and what it works on",
            sources=sources,
            environment={
                "JOBS_TABLE": jobs.table.table_name,
                "JOB_RETENTION_DAYS": str(workflow.job_retention_days),
                **environment,
            },
            grants=grants,
            settings=workflow,
            key=key,
        )
        reasons = SuppressionReasons(not_reserved=_NOTHING_RESERVED, no_dead_letters=_KEPT_BY_THE_QUEUE)
        super().__init__(scope, construct_id, spec, reasons=reasons)
        age = settings.alarms.queue_age_seconds
        own = FedQueue(self, self, function, settings=workflow, queue_age_seconds=age, key=key, topic=topic)
        self.queue, self.dead_letters = own.queue, own.dead_letters
        NotifyingAlarm(
            self,
            "Errors",
            metric=self.function.metric_errors(statistic=cloudwatch.Stats.SUM, period=_FIVE_MINUTES),
            threshold=1,
            periods=2,
            description=f"Function {function} fails or times out. Its messages are delivered again: read its log.",
            runbook="a-function-breaks",
            topic=topic,
        )
