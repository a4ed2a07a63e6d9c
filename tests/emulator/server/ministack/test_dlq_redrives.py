"""A DLQ redrive moves dead-lettered messages as SQS's API says."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, REGION, eventually


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


@dataclass
class Queues:
    """A queue, its dead-letter queue, and another queue; names by role."""

    sqs: Any
    names: dict[str, str]

    def url(self, role: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=self.names[role])["QueueUrl"])

    def arn(self, role: str) -> str:
        return arn(self.names[role])

    def dead_letter(self, *bodies: str) -> None:
        """Sends messages and receives them until they are dead-lettered."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url("queue"), MessageBody=body)

        def moved() -> bool:
            self.receive("queue")
            return self.count("dead") >= len(bodies)

        eventually(moved, "the messages in the DLQ")

    def receive(self, role: str) -> list[Any]:
        received = self.sqs.receive_message(
            QueueUrl=self.url(role), MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=0
        )
        return list(received.get("Messages", []))

    def count(self, role: str) -> int:
        names = ["ApproximateNumberOfMessages"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(role), AttributeNames=names)
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def task(self) -> dict[str, Any]:
        (newest,) = self.sqs.list_message_move_tasks(SourceArn=self.arn("dead"))["Results"]
        return dict(newest)

    def ended(self) -> dict[str, Any]:
        """The newest task, once it has ended."""
        return dict(eventually(lambda: (task := self.task())["Status"] != "RUNNING" and task, "the end of the task"))


@pytest.fixture
def queues(running: Running) -> Iterator[Queues]:
    sqs = running.client("sqs")
    names = {role: f"{role}-{uuid.uuid4().hex[:12]}" for role in ("dead", "queue", "other")}
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(names["dead"]), "maxReceiveCount": 1})}
    for role, name in names.items():
        sqs.create_queue(QueueName=name, Attributes=policy if role == "queue" else {})
    made = Queues(sqs, names)
    yield made
    for role in names:
        sqs.delete_queue(QueueUrl=made.url(role))


def test_messages_return_to_the_queue_that_they_came_from_as_new_ones(queues: Queues) -> None:
    queues.dead_letter("one", "two")
    before = {message["Body"]: message for message in queues.receive("dead")}
    handle = queues.sqs.start_message_move_task(SourceArn=queues.arn("dead"))["TaskHandle"]
    task = queues.ended()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert task["ApproximateNumberOfMessagesToMove"] == 2
    assert task["StartedTimestamp"] <= time.time() * 1000
    assert "TaskHandle" not in task
    assert handle
    assert queues.count("dead") == 0
    moved = queues.receive("queue")
    assert {message["Body"] for message in moved} == {"one", "two"}
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in moved} == {"1"}
    for message in moved:
        old = before[message["Body"]]
        assert message["MessageId"] != old["MessageId"]
        assert int(message["Attributes"]["SentTimestamp"]) > int(old["Attributes"]["SentTimestamp"])
        assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_messages_go_to_a_custom_destination_even_if_they_came_from_no_queue(queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.url("dead"), MessageBody="by hand")
    queues.sqs.start_message_move_task(SourceArn=queues.arn("dead"), DestinationArn=queues.arn("other"))
    task = queues.ended()
    assert (task["Status"], task["DestinationArn"]) == ("COMPLETED", queues.arn("other"))
    assert [message["Body"] for message in queues.receive("other")] == ["by hand"]


def test_without_destination_a_message_of_no_queue_fails_the_task_and_stays(queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.url("dead"), MessageBody="by hand")
    queues.sqs.start_message_move_task(SourceArn=queues.arn("dead"))
    task = queues.ended()
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert queues.count("dead") == 1


def test_the_rate_is_kept_one_task_runs_at_a_time_and_a_cancelled_one_leaves_the_rest(queues: Queues) -> None:
    for number in range(40):  # for twenty seconds
        queues.sqs.send_message(QueueUrl=queues.url("dead"), MessageBody=str(number))
    task = {"SourceArn": queues.arn("dead"), "DestinationArn": queues.arn("other"), "MaxNumberOfMessagesPerSecond": 2}
    began = time.monotonic()
    handle = queues.sqs.start_message_move_task(**task)["TaskHandle"]
    with pytest.raises(ClientError, match="already a task running"):
        queues.sqs.start_message_move_task(**task)
    eventually(lambda: queues.count("other") >= 3, "three messages")
    assert time.monotonic() - began >= 0.9  # the first at once, then two a second
    assert queues.task()["TaskHandle"] == handle
    assert queues.task()["MaxNumberOfMessagesPerSecond"] == 2
    moved = queues.sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert queues.task()["Status"] == "CANCELLED"
    time.sleep(1.1)
    assert (queues.count("other"), queues.count("dead")) == (moved, 40 - moved)
    with pytest.raises(ClientError, match="Only active tasks"):
        queues.sqs.cancel_message_move_task(TaskHandle=handle)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (lambda q: {"SourceArn": q.arn("other")}, "must be configured as a Dead Letter Queue"),
        (lambda _: {"SourceArn": arn("none")}, "ResourceNotFoundException.*SourceArn"),
        (lambda q: {"SourceArn": q.arn("dead"), "DestinationArn": arn("none")}, "DestinationArn parameter doesn't"),
        (lambda q: {"SourceArn": q.arn("dead"), "DestinationArn": q.arn("dead")}, "must be another queue"),
        (lambda q: {"SourceArn": q.arn("dead"), "MaxNumberOfMessagesPerSecond": 501}, "from 1 to 500, not 501"),
    ],
    ids=["no DLQ", "no source", "no destination", "onto itself", "too fast"],
)
def test_what_sqs_rejects_is_rejected(queues: Queues, members: Callable[[Queues], Any], error: str) -> None:
    with pytest.raises(ClientError, match=error):
        queues.sqs.start_message_move_task(**members(queues))
    assert queues.sqs.list_message_move_tasks(SourceArn=queues.arn("dead"))["Results"] == []


def test_an_unknown_task_cannot_be_cancelled(queues: Queues) -> None:
    with pytest.raises(ClientError, match="Task does not exist"):
        queues.sqs.cancel_message_move_task(TaskHandle="none")
