"""The ports of admission on boto3."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Attr, Key

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    WAITS_FOR_ADMISSION,
    JobRecord,
    JobState,
)
from shared.admission import Admitter
from shared.clients import SHORT_TIMEOUTS
from shared.queues import messages_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from async_endpoint.protocol import AttemptRequest

_BATCH = 10  # the most that SendMessageBatch takes
# Among the oldest RECEIVED jobs, few do not wait for admission: those that are being submitted, or failed before.
_LEAST_PAGE = 50
_MOST_PAGES = 10

RECEIVED = Key(JOBS_BY_STATE_PARTITION_KEY).eq(JobState.RECEIVED.value)
WAITING = Attr("claimed_until").eq(WAITS_FOR_ADMISSION)


class NotSent(Exception):
    """SQS rejected some of the messages; the message is one sentence."""


class WaitingJobs:
    """The waiting jobs in the table's index."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def oldest_waiting(self, limit: int) -> Sequence[JobRecord]:
        """Queries the index, page by page. It lags slightly; a claim reads the table itself."""
        found: list[JobRecord] = []
        query: dict[str, Any] = {
            "IndexName": JOBS_BY_STATE_INDEX,
            "KeyConditionExpression": RECEIVED,
            "FilterExpression": WAITING,
            "Limit": max(_LEAST_PAGE, limit),
        }
        for _ in range(_MOST_PAGES):
            page = self._table.query(**query)
            found += map(JobRecord.from_item, page["Items"])
            if len(found) >= limit or "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found[:limit]


class AdmissionQueue:
    """A queue for requests that are to be submitted at once.

    Args:
        sqs: The client for the queue.
        url: The queue's URL.
    """

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request_all(self, requests: Sequence[AttemptRequest], delay_seconds: int) -> None:
        """Sends requests, ten in a call.

        Raises:
            NotSent: SQS rejected some. They are asked for again, like every job that waits.
        """
        failed = 0
        for first in range(0, len(requests), _BATCH):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": each.to_message(), "DelaySeconds": delay_seconds}
                for number, each in enumerate(requests[first : first + _BATCH])
            ]
            response = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            failed += len(response.get("Failed", ()))
        if failed:
            raise NotSent(f"SQS rejected {failed} of {len(requests)} requests for attempts.")

    def depth(self) -> int:
        """Calls GetQueueAttributes."""
        return messages_in(self._sqs, self._url)


def make_admitter(table: Table, queue_url: str) -> Admitter:
    """Returns the admitter for the function's own account and region."""
    queue = AdmissionQueue(boto3.client("sqs", config=SHORT_TIMEOUTS), queue_url)
    return Admitter(WaitingJobs(table), queue, time.monotonic, random.shuffle)
