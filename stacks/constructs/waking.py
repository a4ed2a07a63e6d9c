"""What the function that submits documents needs to wake a sleeping endpoint."""

from aws_cdk import aws_iam as iam

from async_endpoint.protocol import WAKE_NAMESPACE
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.capacity_grants import READS_ANY_TARGET, grant_read_capacity, grant_set_capacity
from stacks.constructs.grants import grant
from stacks.constructs.queue_worker import QueueWorker
from stacks.rules import suppress
from stacks.settings.stage import StageSettings

_ONE_NAMESPACE = f"PutMetricData supports no resource; a condition allows only the namespace {WAKE_NAMESPACE}."


def let_wake(worker: QueueWorker, settings: StageSettings) -> None:
    """Gives a worker's function the permissions and the environment to wake the stage's endpoint.

    Its queue's permissions include GetQueueAttributes already. The queue's URL and the scaling's backlog are in the
    environment of a function that admits documents as well.
    """
    name, scaling = settings.endpoint.name, settings.scaling
    grant_read_capacity(worker.policy, name)
    grant_set_capacity(worker.policy, name, sid="WakeEndpoint")
    grant(
        worker.policy,
        # By service authorization reference, "Actions, resources, and condition keys for Amazon CloudWatch".
        iam.PolicyStatement(
            sid="HoldWakeAlarm",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": WAKE_NAMESPACE}},
        ),
    )
    suppress(worker.policy, {"AwsSolutions-IAM5[Resource::*]": f"{READS_ANY_TARGET} {_ONE_NAMESPACE}"})
    for variable, value in {
        "WAKE_ON_SUBMIT": "true",
        "VARIANT_NAME": AsyncEndpoint.variant_name,
        "INTAKE_QUEUE_URL": worker.queue.queue_url,
        "BACKLOG_PER_INSTANCE": str(scaling.backlog_per_instance),
        "WAKE_COOLDOWN_SECONDS": str(scaling.wake_cooldown_seconds),
    }.items():
        worker.function.add_environment(variable, value)
