"""The workflow stack around an endpoint: which one it is, its queues with their DLQs, and its jobs.

It is read from the stacks' outputs and through the clients for measuring: an open page uses up no fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import JobRecord, JobRecordError
from async_endpoint.protocol.jobs_table_layout import JOBS_ATTEMPT_OF_ATTRIBUTE, JOBS_PARTITION_KEY

if TYPE_CHECKING:
    from async_endpoint.emulator.clients import AwsClients

_ENDPOINT_STACK, _WORKFLOW_STACK = "-endpoint", "-workflow"  # what the names of a stage's stacks end with
# The outputs with the URLs of a queue and of its DLQ. Events and webhooks have a DLQ alone.
_QUEUES = {
    "intake": ("IntakeQueueUrl", "IntakeDeadLettersUrl"),
    "urgent": ("UrgentQueueUrl", "UrgentDeadLettersUrl"),
    "results": ("ResultsQueueUrl", "ResultsDeadLettersUrl"),
    "events": (None, "EventsDeadLettersUrl"),
    "webhook": (None, "WebhookDeadLettersUrl"),
}
_BATCH = 100  # the most keys of one BatchGetItem

Item = Mapping[str, Any]


@dataclass(frozen=True)
class QueueDepth:
    """The messages of a queue now.

    Attributes:
        name: The queue's name on the pages and in `async-endpoint dlq`.
        waiting: Messages that wait, those with a delay included; None if there is only a DLQ, or SQS did not respond.
        in_flight: Messages that a function has received and not yet deleted; likewise.
        dead_letters: Messages in the DLQ; None if SQS did not respond.
    """

    name: str
    waiting: int | None
    in_flight: int | None
    dead_letters: int | None


@dataclass(frozen=True)
class EndpointWorkflow:
    """The workflow stack that submits documents to one endpoint.

    Attributes:
        stack: The stack's name.
        outputs: Its outputs.
        clients: Clients of its region, for measuring.
    """

    stack: str
    outputs: Mapping[str, str]
    clients: AwsClients

    @classmethod
    def find(cls, clients: AwsClients, endpoint: str) -> Self | None:
        """Returns the workflow of an endpoint; None if no stack has one, or CloudFormation does not respond.

        The endpoint's stack is the one whose output `EndpointName` is the endpoint; the workflow is in the same stage.
        """
        try:
            pages = list(clients.measuring.cloudformation.get_paginator("describe_stacks").paginate())
        except (BotoCoreError, ClientError):
            return None
        stacks = {
            stack["StackName"]: {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
            for page in pages
            for stack in page["Stacks"]
        }
        for name, outputs in stacks.items():
            if outputs.get("EndpointName") == endpoint and name.endswith(_ENDPOINT_STACK):
                workflow = name.removesuffix(_ENDPOINT_STACK) + _WORKFLOW_STACK
                if "JobsTableName" in stacks.get(workflow, {}):
                    return cls(workflow, stacks[workflow], clients.measuring)
        return None

    def queues(self) -> list[QueueDepth]:
        """Returns the depth of each queue and of its DLQ."""
        return [
            QueueDepth(name, *self._depth(queue), self._depth(dead_letters)[0])
            for name, (queue, dead_letters) in _QUEUES.items()
            if dead_letters in self.outputs
        ]

    def jobs(self, inference_ids: Sequence[str]) -> dict[str, JobRecord] | None:
        """Returns the jobs of requests by InferenceId, without those that are not jobs; None without the table."""
        try:
            items = self._items(inference_ids)
            # A later attempt has an item of its own, which names its job.
            owners = {name: item[JOBS_ATTEMPT_OF_ATTRIBUTE] for name, item in items.items() if _is_attempt(item)}
            items |= self._items([each for each in owners.values() if each not in items])
        except (BotoCoreError, ClientError):
            return None
        wanted = {name: items.get(owners.get(name, name)) for name in inference_ids}
        return dict(_records(wanted))

    def _depth(self, output: str | None) -> tuple[int | None, int | None]:
        """Returns how many messages of a queue wait and are in flight."""
        url = self.outputs.get(output or "")
        if url is None:
            return None, None
        try:
            found = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        except (BotoCoreError, ClientError):
            return None, None
        count = {name.removeprefix("ApproximateNumberOfMessages"): value for name, value in found.items()}
        return int(count[""]) + int(count.get("Delayed", 0)), int(count.get("NotVisible", 0))

    def _items(self, ids: Iterable[str]) -> dict[str, Item]:
        """Returns items of the jobs table by their key."""
        table, unread = self.outputs["JobsTableName"], list(dict.fromkeys(ids))
        found: dict[str, Item] = {}
        while unread:
            keys: list[Any] = [{JOBS_PARTITION_KEY: each} for each in unread[:_BATCH]]
            response = self.clients.dynamodb.batch_get_item(
                RequestItems={table: {"Keys": keys, "ConsistentRead": True}}
            )
            found |= {str(item[JOBS_PARTITION_KEY]): item for item in response["Responses"].get(table, [])}
            del unread[:_BATCH]
            left = response["UnprocessedKeys"].get(table)
            unread += [str(key[JOBS_PARTITION_KEY]) for key in left["Keys"]] if left else []
        return found


def _is_attempt(item: Item) -> bool:
    return JOBS_ATTEMPT_OF_ATTRIBUTE in item


def _records(items: Mapping[str, Item | None]) -> Iterator[tuple[str, JobRecord]]:
    for name, item in items.items():
        if item is not None:
            try:
                yield name, JobRecord.from_item(item)
            except JobRecordError:
                continue
