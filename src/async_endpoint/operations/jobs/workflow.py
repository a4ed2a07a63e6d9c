"""What the commands need to know of a deployed workflow stack, read from its outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import boto3

from async_endpoint.client.wrong_responses import reject_wrong_responses
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation.client import CloudFormationClient

# The queues and what the names of their outputs begin with.
_QUEUES = {"intake": "Intake", "urgent": "Urgent", "results": "Results"}
# The DLQs of outcomes that nobody was notified of. They come from a stream and a rule: no queue can take them back.
_OF_EVENTS = {"events": "EventsDeadLettersUrl", "webhook": "WebhookDeadLettersUrl"}


@dataclass(frozen=True)
class WorkerQueue:
    """The queue of a worker, and its DLQ.

    Attributes:
        worker: `intake`, `urgent` (the intake's second queue) or `results`.
        url: The queue's URL.
        dead_letters_url: The URL of its DLQ.
    """

    worker: str
    url: str
    dead_letters_url: str

    @property
    def name(self) -> str:
        """The queue's name."""
        return queue_name(self.url)

    @property
    def dead_letters_name(self) -> str:
        """The name of the DLQ."""
        return queue_name(self.dead_letters_url)


@dataclass(frozen=True)
class Workflow:
    """A deployed workflow stack.

    Attributes:
        jobs_table: The jobs table's name.
        retention_days: How long the table keeps a job.
        inbox: The prefix below which an uploaded document is submitted.
        urgent_inbox: The prefix below which it is submitted before all others.
        queues: The queues by name.
        notify_function: The function that announces outcomes.
        events_dead_letters: URLs of the DLQs of outcomes that were not announced: of `events`, and of `webhook` where
            there is one.
    """

    jobs_table: str
    retention_days: int
    inbox: S3Location
    urgent_inbox: S3Location
    queues: Mapping[str, WorkerQueue]
    notify_function: str
    events_dead_letters: Mapping[str, str]

    @property
    def dead_letters(self) -> dict[str, str]:
        """URLs of all DLQs by name."""
        return {name: queue.dead_letters_url for name, queue in self.queues.items()} | dict(self.events_dead_letters)

    @property
    def intake(self) -> WorkerQueue:
        """The queue that takes uploads and requests for attempts."""
        return self.queues["intake"]

    @classmethod
    def from_stack(cls, cloudformation: CloudFormationClient, stack: str) -> Self:
        """Reads the outputs of a workflow stack.

        Raises:
            StackError: The stack cannot be read, or lacks an output.
        """
        outputs = read_outputs(cloudformation, [stack])
        wanted = ["JobsTableName", "JobRetentionDays", "InboxLocation", "UrgentInboxLocation"]
        wanted += [f"{name}{part}Url" for name in _QUEUES.values() for part in ("Queue", "DeadLetters")]
        wanted += ["NotifyFunctionName", "EventsDeadLettersUrl"]
        if missing := [name for name in wanted if name not in outputs]:
            raise StackError(
                f"Stack {stack} has no output {', '.join(missing)}: name a workflow stack, and deploy it again if it "
                "is of an earlier version."
            )
        return cls(
            jobs_table=outputs["JobsTableName"],
            retention_days=int(outputs["JobRetentionDays"]),
            inbox=S3Location.from_prefix_uri(outputs["InboxLocation"]),
            urgent_inbox=S3Location.from_prefix_uri(outputs["UrgentInboxLocation"]),
            queues={
                worker: WorkerQueue(worker, outputs[f"{name}QueueUrl"], outputs[f"{name}DeadLettersUrl"])
                for worker, name in _QUEUES.items()
            },
            notify_function=outputs["NotifyFunctionName"],
            events_dead_letters={name: outputs[key] for name, key in _OF_EVENTS.items() if key in outputs},
        )


def queue_name(url: str) -> str:
    """Returns the name of a queue, with which its URL ends.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    return url.rpartition("/")[2]


def workflow_stack_name(stage: str) -> str:
    """Returns the name of a stage's workflow stack."""
    return f"async-endpoint-{stage}-workflow"


def endpoint_stack_name(stage: str) -> str:
    """Returns the name of a stage's endpoint stack."""
    return f"async-endpoint-{stage}-endpoint"


def stage_stack_names(stage: str) -> tuple[str, ...]:
    """Returns the names of a stage's stacks, in the order in which they can be deleted."""
    return tuple(f"async-endpoint-{stage}-{part}" for part in ("workflow", "endpoint", "foundation"))


class ThreadedTable:
    """GetItem and UpdateItem of a DynamoDB table, for several threads.

    boto3's resources are not thread-safe, and neither is the creation of one: each thread gets its own.
    https://docs.aws.amazon.com/boto3/latest/guide/resources.html
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._local = threading.local()
        self._lock = threading.Lock()
        self._session = boto3.Session()  # loads the descriptions of the services once
        reject_wrong_responses(self._session.events)

    def get_item(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """GetItem."""
        return self._table().get_item(*args, **kwargs)

    def update_item(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """UpdateItem."""
        return self._table().update_item(*args, **kwargs)

    def _table(self) -> Any:
        if not hasattr(self._local, "table"):
            with self._lock:
                self._local.table = self._session.resource("dynamodb").Table(self._name)
        return self._local.table
