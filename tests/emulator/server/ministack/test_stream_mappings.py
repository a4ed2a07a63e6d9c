"""A deployed function gets the writes to a table again until they are done, or given up, as on AWS."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulator.conftest import Running
from tests.emulator.fakes import eventually
from tests.emulator.functions import create_function

# Records what it gets in a queue, then fails as the item says.
HANDLER = """
import json, os, urllib.parse, urllib.request

def handler(event, context):
    ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    body = {"QueueUrl": os.environ["QUEUE"], "MessageBody": json.dumps(ids)}
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20270115/" + os.environ["AWS_REGION"] + "/sqs/aws4_request",
    }
    urllib.request.urlopen(urllib.request.Request(os.environ["URL"], json.dumps(body).encode(), headers))
    if any(each.startswith("raise") for each in ids):
        raise ValueError("as asked")
    failed = [r["dynamodb"]["SequenceNumber"] for r, i in zip(event["Records"], ids) if i.startswith("fail")]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""
FILTER = {"Filters": [{"Pattern": json.dumps({"dynamodb": {"NewImage": {"state": {"S": ["DONE"]}}}})}]}


@dataclass
class Table:
    """A table with a stream, and a function that is mapped to it."""

    running: Running
    name: str
    deliveries: str
    dead_letters: str

    def write(self, *ids: str, state: str = "DONE") -> None:
        for each in ids:
            self.running.client("dynamodb").put_item(
                TableName=self.name, Item={"id": {"S": each}, "state": {"S": state}}
            )

    def delivered(self, count: int) -> list[list[str]]:
        """Returns the next deliveries, each with the ids of its records."""
        return [json.loads(body) for body in self._receive(self.deliveries, count)]

    def given_up(self) -> dict[str, Any]:
        """Returns the next dead letter."""
        (body,) = self._receive(self.dead_letters, 1)
        found: dict[str, Any] = json.loads(body)
        return found

    def _receive(self, url: str, count: int) -> list[str]:
        sqs = self.running.client("sqs")
        bodies: list[str] = []

        def enough() -> bool:
            for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
            return len(bodies) >= count

        eventually(enough, f"{count} messages, got {bodies}", limit=30)
        return bodies


@pytest.fixture
def table(running: Running) -> Iterator[Table]:
    functions, sqs, dynamodb = (running.client(name) for name in ("lambda", "sqs", "dynamodb"))
    name = f"stream-{uuid.uuid4().hex[:12]}"
    deliveries, dead_letters = (sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in ("got", "dead"))
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stream = dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    create_function(functions, name, HANDLER, QUEUE=deliveries, URL=running.local.endpoint_url)
    made = Table(running, name, deliveries, dead_letters)
    made.write("early")
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria=FILTER,
        DestinationConfig={"OnFailure": {"Destination": dead_arn}},
    )["UUID"]
    assert made.delivered(1) == [["early"]]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    yield made
    functions.delete_event_source_mapping(UUID=mapping)
    functions.delete_function(FunctionName=name)
    dynamodb.delete_table(TableName=name)


def resume(table: Table) -> None:
    """Lets the mapping poll again: what was written meanwhile is one batch."""
    functions = table.running.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=table.name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_the_records_from_the_first_that_failed_are_delivered_again_and_then_given_up(table: Table) -> None:
    table.write("a", "fail", "b")
    resume(table)
    assert table.delivered(3) == [["a", "fail", "b"], ["fail", "b"], ["fail", "b"]]

    letter = table.given_up()

    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 2
    table.write("c")
    assert table.delivered(1) == [["c"]]


def test_a_batch_whose_function_raises_is_halved_until_the_culprit_is_alone(table: Table) -> None:
    table.write("a", "b", "c", "raise")
    resume(table)
    assert table.delivered(5) == [["a", "b", "c", "raise"], ["a", "b"], ["c", "raise"], ["c"], ["raise"]]
    assert table.given_up()["DDBStreamBatchInfo"]["batchSize"] == 1
    assert table.delivered(1) == [["raise"]]


def test_what_the_filter_leaves_out_is_passed(table: Table) -> None:
    table.write("x", state="OPEN")
    table.write("a")
    table.write("y", state="OPEN")
    table.write("fail")
    resume(table)
    assert table.delivered(3) == [["a", "fail"], ["fail"], ["fail"]]
