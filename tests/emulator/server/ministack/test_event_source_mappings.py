"""A deployed function's response decides which messages return to their queue, as on AWS."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulator.conftest import Running
from tests.emulator.fakes import eventually
from tests.emulator.functions import create_function

# Each message says how its batch is to be answered; "OWN" stands for the message's own id.
HANDLER = """
import json

def handler(event, context):
    for record in event["Records"]:
        print(json.dumps({"seen": record["messageId"]}))
    answers = [json.loads(record["body"]) for record in event["Records"]]
    chosen = next((answer for answer in answers if answer != "OTHER"), None)
    if chosen == "RAISE":
        raise ValueError("as asked")
    own = event["Records"][[answer != "OTHER" for answer in answers].index(True)]["messageId"] if chosen else ""
    return json.loads(json.dumps(chosen).replace("OWN", own))
"""


@dataclass
class Deployed:
    """A function in the local AWS, and queues that are mapped to it."""

    running: Running
    name: str

    def left_of(self, answer: Any, *, others: int = 0, reporting: bool = True) -> int:
        """Sends one batch whose function answers so; returns how many messages are left when it is done."""
        sqs, functions = self.running.client("sqs"), self.running.client("lambda")
        queue = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:12]}", Attributes={"VisibilityTimeout": "900"})
        url = queue["QueueUrl"]
        source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        entries = [{"Id": "own", "MessageBody": json.dumps(answer)}]
        entries += [{"Id": f"other{number}", "MessageBody": '"OTHER"'} for number in range(others)]
        sqs.send_message_batch(QueueUrl=queue["QueueUrl"], Entries=entries)
        mapping = functions.create_event_source_mapping(
            EventSourceArn=source,
            FunctionName=self.name,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"] if reporting else [],
        )["UUID"]

        def result() -> bool:
            found: str = functions.get_event_source_mapping(UUID=mapping)["LastProcessingResult"]
            return found.startswith(("OK", "FAILED"))

        eventually(result, "the end of the batch")
        functions.delete_event_source_mapping(UUID=mapping)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=queue["QueueUrl"], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture(scope="module")
def deployed(running: Running) -> Iterator[Deployed]:
    functions, name = running.client("lambda"), f"batches-{uuid.uuid4().hex[:12]}"
    create_function(functions, name, HANDLER)
    yield Deployed(running, name)
    functions.delete_function(FunctionName=name)


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}], ids=json.dumps
)
def test_a_batch_without_failures_is_deleted(deployed: Deployed, answer: Any) -> None:
    assert deployed.left_of(answer) == 0


def test_of_a_batch_the_messages_that_failed_are_left(deployed: Deployed) -> None:
    assert deployed.left_of({"batchItemFailures": [{"itemIdentifier": "OWN"}]}, others=2) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "OWN"}, {"itemIdentifier": "unknown"}]},
        {"batchItemFailures": [{"messageId": "OWN"}]},
        {"batchItemFailures": "OWN"},
        "done",
    ],
    ids=json.dumps,
)
def test_a_response_that_aws_does_not_accept_leaves_the_whole_batch(deployed: Deployed, answer: Any) -> None:
    assert deployed.left_of(answer, others=2) == 3


def test_a_function_that_raises_leaves_the_whole_batch(deployed: Deployed) -> None:
    assert deployed.left_of("RAISE", others=2) == 3


def test_without_the_response_type_the_response_does_not_count(deployed: Deployed) -> None:
    assert deployed.left_of({"batchItemFailures": [{"itemIdentifier": ""}]}, others=1, reporting=False) == 0
