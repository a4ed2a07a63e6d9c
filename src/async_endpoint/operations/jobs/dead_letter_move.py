"""Moves the messages of a DLQ back to the queue of its worker.

SQS moves them by itself once it is asked:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef

    from async_endpoint.operations.deadline import Deadline
    from async_endpoint.operations.jobs.workflow import WorkerQueue

_IN_PROGRESS = ("RUNNING", "CANCELLING")


class MoveError(Exception):
    """Messages that were not moved, or not all; the message says what to do instead."""


def move_dead_letters(
    sqs: SQSClient, queue: WorkerQueue, deadline: Deadline, on_progress: Callable[[int, int | None], None]
) -> int:
    """Moves all messages of a worker's DLQ to the worker's queue, and waits until SQS has done so.

    The queue is named as the destination, because SQS knows no source queue of messages that EventBridge or SNS sent to
    the DLQ. If SQS is moving messages already, this waits for that move.

    Args:
        sqs: A client of `sqs`.
        queue: The worker's queues.
        deadline: The time limit for the wait.
        on_progress: Called with the approximate numbers of moved messages and of messages to move; the latter is None
            until SQS knows it.

    Returns:
        About how many messages were moved.

    Raises:
        MoveError: SQS did not start the move, did not finish it in time, or gave up.
    """
    try:
        source = _arn(sqs, queue.dead_letters_url)
        latest = _latest(sqs, source)
        earlier = None
        if latest.get("Status") not in _IN_PROGRESS:
            earlier = latest.get("StartedTimestamp")
            # Both queues are of one stack: their ARNs differ in the name alone.
            destination = f"{source.rpartition(':')[0]}:{queue.name}"
            sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)

        def find_task() -> ListMessageMoveTasksResultEntryTypeDef:
            task = _latest(sqs, source)
            return {} if earlier is not None and task.get("StartedTimestamp") == earlier else task

        return _wait(find_task, queue, deadline, on_progress)
    except (BotoCoreError, ClientError) as error:
        raise MoveError(
            f"SQS does not move the messages of {queue.dead_letters_name} ({error}): in its console, start a DLQ "
            f"redrive there with {queue.name} as custom destination."
        ) from error


def _wait(
    find_task: Callable[[], ListMessageMoveTasksResultEntryTypeDef],
    queue: WorkerQueue,
    deadline: Deadline,
    on_progress: Callable[[int, int | None], None],
) -> int:
    while True:
        task = find_task()
        moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
        on_progress(moved, task.get("ApproximateNumberOfMessagesToMove"))
        status = task.get("Status")
        if status == "COMPLETED":
            return moved
        if status not in _IN_PROGRESS and status is not None:
            raise MoveError(
                f"The move of {queue.dead_letters_name} is {status} after {counted(moved, 'message')} "
                f"({task.get('FailureReason', 'SQS gives no reason')}): remove the cause, then redrive again."
            )
        if not deadline.pause():
            raise MoveError(
                f"SQS has moved {counted(moved, 'message')} of {queue.dead_letters_name} after "
                f"{deadline.seconds:.0f} s and continues: redrive again to wait for it, or allow more time with "
                "--timeout."
            )


def _latest(sqs: SQSClient, source: str) -> ListMessageMoveTasksResultEntryTypeDef:
    """Returns the most recent move from a queue; an empty one if there is none."""
    tasks = sqs.list_message_move_tasks(SourceArn=source).get("Results", [])
    return tasks[0] if tasks else {}


def _arn(sqs: SQSClient, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
