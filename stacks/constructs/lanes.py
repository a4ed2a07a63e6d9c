"""The lane of urgent documents, and the admission of all others: docs/decisions/0035."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.capacity_grants import grant_describe_endpoint
from stacks.constructs.fed_queue import FedQueue
from stacks.constructs.grants import grant
from stacks.constructs.jobs_table import JobsTable
from stacks.constructs.queue_worker import QueueWorker
from stacks.settings.stage import StageSettings


class UrgentQueue(Construct):
    """A second queue of the intake's function: for urgent documents, and for those whose turn it is."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        intake: QueueWorker,
        function: str,
        settings: StageSettings,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        fed = FedQueue(
            self,
            intake,
            function,
            settings=settings.workflow,
            queue_age_seconds=settings.alarms.queue_age_seconds,
            key=key,
            topic=topic,
        )
        self.queue, self.dead_letters = fed.queue, fed.dead_letters


def let_admit(intake: QueueWorker, urgent: UrgentQueue, settings: StageSettings, *, jobs: JobsTable) -> None:
    """Gives the intake's function the permissions and the environment to admit documents.

    It may read its queues' lengths already. DescribeEndpoint is granted here unless waking needs it as well.
    """
    limits, scaling, workflow = settings.limits, settings.scaling, settings.workflow
    if not scaling.wakes_on_submit:
        grant_describe_endpoint(intake.policy, settings.endpoint.name)
    let_ask(intake, urgent, jobs=jobs)
    for variable, value in {
        "VARIANT_NAME": AsyncEndpoint.variant_name,
        "INTAKE_QUEUE_URL": intake.queue.queue_url,
        "INSTANCE_REQUESTS": str(limits.concurrent_invocations),
        "INSTANCE_BATCH": str(limits.workers * settings.serving.batch_size),
        "BACKLOG_PER_INSTANCE": str(scaling.backlog_per_instance),
        "MAX_INSTANCES": str(scaling.max_instances if scaling.enabled else settings.endpoint.initial_instance_count),
        "BATCH_SIZE": str(workflow.batch_size),
        "MAX_CONCURRENCY": str(workflow.max_concurrency),
    }.items():
        intake.function.add_environment(variable, value)


def let_ask(worker: QueueWorker, urgent: UrgentQueue, *, jobs: JobsTable) -> None:
    """Gives a worker's function the permissions and the environment to ask for documents whose turn it is.

    It may use the stage's key already.

    Args:
        worker: The worker.
        urgent: Takes the requests.
        jobs: Shows which documents wait.
    """
    jobs.grant_list(worker.policy)
    grant(
        worker.policy,
        iam.PolicyStatement(sid="AskForDocuments", actions=["sqs:SendMessage"], resources=[urgent.queue.queue_arn]),
    )
    worker.function.add_environment("ADMISSION", "true")
    worker.function.add_environment("URGENT_QUEUE_URL", urgent.queue.queue_url)
