"""SQS's message move tasks, by which an operator returns dead-lettered messages; ministack has none.

Source: the SQS API reference, StartMessageMoveTask and its siblings; the SQS developer guide, "Configure a dead-letter
queue redrive": moved messages are new ones, with an id and a time of their own. Some messages of errors are invented.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from ministack.core.concurrency import esm_wake
from ministack.services import sqs

from async_endpoint.emulator.server.message_moves import MAX_PER_SECOND, MAX_RESULTS, MoveTask, MoveTasks, Status

_STEP_SECONDS = 0.05
_STEP_MESSAGES = 100
_UNKNOWN_SOURCE = "CouldNotDetermineMessageSource"

Members = Mapping[str, Any]  # of a request


def add_message_move_tasks() -> None:
    """Serves StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask, in the JSON protocol."""
    redrives = _Redrives()
    sqs._HANDLERS.update(
        {
            "StartMessageMoveTask": redrives.start,
            "ListMessageMoveTasks": redrives.list_newest,
            "CancelMessageMoveTask": redrives.cancel,
        }
    )


class _Redrives:
    """The operations. They run on the event loop, as the moves do, so that no request comes between two of a move."""

    def __init__(self) -> None:
        self._tasks = MoveTasks()
        self._moves: set[asyncio.Task[None]] = set()

    async def start(self, members: Members, _url: str) -> dict[str, str]:
        source, destination = _queue(members, "SourceArn"), members.get("DestinationArn") or None
        arn, rate = members["SourceArn"], members.get("MaxNumberOfMessagesPerSecond")
        if not _is_dead_letter_queue(arn):
            raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        if destination:
            target = _queue(members, "DestinationArn")
            if target is source or bool(target["is_fifo"]) != bool(source["is_fifo"]):
                raise sqs._Err(
                    "InvalidParameterValue", "The destination must be another queue of the source queue's type."
                )
        if rate is not None and not 1 <= int(rate) <= MAX_PER_SECOND:
            raise sqs._Err(
                "InvalidParameterValue", f"MaxNumberOfMessagesPerSecond must be from 1 to {MAX_PER_SECOND}, not {rate}."
            )
        if self._tasks.running(arn):
            raise sqs._Err(
                "UnsupportedOperation", "There is already a task running. Only one is allowed for a source queue."
            )
        task = MoveTask(arn, destination, None if rate is None else int(rate), len(source["messages"]))
        self._tasks.add(task)
        move = asyncio.create_task(_move_all(task))
        self._moves.add(move)  # the loop keeps no reference of its own
        move.add_done_callback(self._moves.discard)
        return {"TaskHandle": task.handle}

    def list_newest(self, members: Members, _url: str) -> dict[str, Any]:
        _queue(members, "SourceArn")
        count = int(members.get("MaxResults") or 1)
        if not 1 <= count <= MAX_RESULTS:
            raise sqs._Err("InvalidParameterValue", f"MaxResults must be from 1 to {MAX_RESULTS}, not {count}.")
        return {"Results": [task.describe() for task in self._tasks.newest(members["SourceArn"], count)]}

    def cancel(self, members: Members, _url: str) -> dict[str, int]:
        task = self._tasks.find(members.get("TaskHandle") or "")
        if task is None:
            raise sqs._Err("ResourceNotFoundException", "Task does not exist.", HTTPStatus.NOT_FOUND)
        if task.status is not Status.RUNNING:
            raise sqs._Err("UnsupportedOperation", "Only active tasks can be cancelled.")
        task.status = Status.CANCELLED
        return {"ApproximateNumberOfMessagesMoved": task.moved}


async def _move_all(task: MoveTask) -> None:
    """Moves the messages that nobody has received just now, oldest first, until none is left or the task ends."""
    while task.status is Status.RUNNING:
        with sqs._queues_lock:  # event source mappings receive on threads of their own
            _move_some(task)
        await asyncio.sleep(_STEP_SECONDS if task.rate else 0)


def _move_some(task: MoveTask) -> None:
    source = sqs._queue_by_arn(task.source)
    now = time.time()
    waiting = [message for message in source["messages"] if message["visible_at"] <= now] if source else []
    if not waiting:
        task.status = Status.COMPLETED
    for message in waiting[: task.due(_STEP_MESSAGES)]:
        arn = task.destination or (message.get("sys") or {}).get("DeadLetterQueueSourceArn")
        destination = sqs._queue_by_arn(arn) if arn else None
        if destination is None:
            task.status = Status.FAILED
            task.reason = _UNKNOWN_SOURCE if arn is None else "AWS.SimpleQueueService.NonExistentQueue"
            return
        source["messages"].remove(message)
        destination["messages"].append(_renewed(message, destination, now))
        task.moved += 1
        esm_wake.set()


def _renewed(message: Members, destination: dict[str, Any], now: float) -> dict[str, Any]:
    """Returns a moved message: a new one with the old one's content and group."""
    kept = ("body", "md5", "md5_body", "md5_attrs", "message_attributes", "group_id", "dedup_id", "dedup_cache_key")
    system = {name: value for name, value in message["sys"].items() if name != "DeadLetterQueueSourceArn"}
    renewed = {name: message[name] for name in kept if name in message} | {
        "id": str(uuid4()),
        "sent_at": now,
        "visible_at": now + sqs.queue_delay(destination),
        "receive_count": 0,
        "first_receive_at": None,
        "receipt_handle": None,
        "sys": system | {"SentTimestamp": str(int(now * 1000))},
    }
    if destination["is_fifo"]:
        destination["fifo_seq"] += 1
        renewed["seq"] = str(destination["fifo_seq"]).zfill(20)
    sqs._ensure_msg_fields(renewed)
    return renewed


def _queue(members: Members, name: str) -> dict[str, Any]:
    """Returns the queue of an ARN in a request.

    Raises:
        sqs._Err: It does not exist.
    """
    queue: dict[str, Any] | None = sqs._queue_by_arn(members.get(name) or "")
    if queue is None:
        message = f"The resource that you specified for the {name} parameter doesn't exist."
        raise sqs._Err("ResourceNotFoundException", message, HTTPStatus.NOT_FOUND)
    return queue


def _is_dead_letter_queue(arn: str) -> bool:
    """Whether another queue sends its dead letters to a queue."""
    policies = (queue["attributes"].get("RedrivePolicy") for queue in sqs._queues.values())
    return any(json.loads(policy)["deadLetterTargetArn"] == arn for policy in policies if policy)
