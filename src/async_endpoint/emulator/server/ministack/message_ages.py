"""The ages of messages in ministack's queues, which its API does not tell."""

import json
import time
from collections.abc import Iterator
from typing import Any

from ministack.services import sqs

# The SQS developer guide, "Available CloudWatch metrics for Amazon SQS": a message that was received three times and is
# not deleted does not count, in a standard queue; in a dead-letter queue a message is as old as its move there.
_POISON_RECEIVES = 3
_MOVED_AT, _RECEIVED_BEFORE = "async_endpoint_moved_at", "async_endpoint_received_before"


def date_dead_letters() -> None:
    """Has each message remember when it was dead-lettered, and how often it had been received until then."""
    sweep = sqs._dlq_sweep

    def sweep_and_date(queue: dict[str, Any]) -> None:
        before = len(queue["messages"])
        sweep(queue)
        if len(queue["messages"]) == before:
            return
        for message in _dead_letters(queue):
            if _MOVED_AT not in message and "DeadLetterQueueSourceArn" in message.get("sys", {}):
                message[_MOVED_AT] = time.time()
                message[_RECEIVED_BEFORE] = message.get("receive_count", 0)

    sqs._dlq_sweep = sweep_and_date


def oldest_messages(account: str, region: str) -> dict[str, float]:
    """Returns when the oldest message of each queue came there, in epoch seconds of the wall's time, by queue name.

    A queue without a message that counts is left out. Source: the SQS developer guide, "Available CloudWatch metrics
    for Amazon SQS".
    """
    found = {}
    for (owner, place, *_), queue in list(sqs._queues.all_items()):
        if (owner, place) == (account, region):
            moments = list(_arrivals(queue))
            if moments:
                found[str(queue["name"])] = min(moments)
    return found


def _arrivals(queue: dict[str, Any]) -> Iterator[float]:
    for message in list(queue["messages"]):
        received = message.get("receive_count", 0) - message.get(_RECEIVED_BEFORE, 0)
        if queue.get("is_fifo") or received < _POISON_RECEIVES:
            yield float(message.get(_MOVED_AT) or message.get("sent_at") or time.time())


def _dead_letters(queue: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the messages of the dead-letter queue of a queue that has just sent some there."""
    policy = json.loads(queue["attributes"]["RedrivePolicy"])
    found = sqs._queue_by_arn(policy["deadLetterTargetArn"])
    return list(found["messages"]) if found else []
