"""The events of documents that are uploaded, on their way to a queue."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.lanes import UrgentQueue
from stacks.constructs.queue_worker import QueueWorker


def send_uploads(
    scope: Construct, construct_id: str, bucket: s3.IBucket, prefix: str, *, to: QueueWorker | UrgentQueue, name: str
) -> None:
    """Sends the events of objects that are created under a prefix to a queue, or else to its DLQ.

    Args:
        scope: The stack.
        construct_id: Id of the rule.
        bucket: Sends its events to EventBridge.
        prefix: With a slash at its end.
        to: Has the queue and the DLQ.
        name: What the queue is called in the rule's description.
    """
    events.Rule(
        scope,
        construct_id,
        description=f"Sends documents uploaded under {prefix} to {name}",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [{"prefix": prefix}]}},
        ),
        targets=[targets.SqsQueue(to.queue, dead_letter_queue=to.dead_letters)],
    )
