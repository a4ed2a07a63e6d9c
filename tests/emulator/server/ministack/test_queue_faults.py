"""Errors of SQS also strike the calls that services inside the local AWS make to it."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from async_endpoint.emulator.faults.http import FaultClient
from tests.emulator.conftest import Running, make_mailbox
from tests.emulator.fakes import ACCOUNT, REGION, eventually
from tests.emulator.functions import create_function

HANDLER = """
def handler(event, context):
    pass
"""


def struck(faults: FaultClient) -> int:
    (fault,) = faults.describe()["faults"]
    return int(fault["struck"])


@pytest.fixture
def worker(running: Running) -> Iterator[str]:
    """The name of a function and of its queue, whose messages reappear after five seconds: a start takes less."""
    functions, sqs, name = running.client("lambda"), running.client("sqs"), f"worker-{uuid.uuid4().hex[:12]}"
    create_function(functions, name, HANDLER)
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", FunctionName=name
    )["UUID"]
    yield name
    functions.delete_event_source_mapping(UUID=mapping)
    functions.delete_function(FunctionName=name)
    sqs.delete_queue(QueueUrl=url)


def left(running: Running, queue: str) -> int:
    sqs = running.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def send(running: Running, queue: str) -> None:
    sqs = running.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody="any")


@pytest.mark.parametrize("operation", ["ReceiveMessage", "DeleteMessageBatch"])
def test_a_mappings_calls_fail_and_the_message_is_processed_all_the_same(
    running: Running, worker: str, faults: FaultClient, operation: str
) -> None:
    faults.add("error", service="sqs", operation=operation, count=1)
    assert struck(faults) == 0  # polls of an empty queue do not count
    began = time.monotonic()
    send(running, worker)
    eventually(lambda: struck(faults) == 1, f"the failure of {operation}")
    eventually(lambda: left(running, worker) == 0, "the end of the message")
    if operation == "DeleteMessageBatch":
        assert time.monotonic() - began >= 5  # it was processed again


def test_a_delivery_of_a_topic_is_late_and_not_lost(running: Running, faults: FaultClient) -> None:
    mailbox = make_mailbox(running.client("sns"), running.client("sqs"))
    faults.add("throttle", service="sqs", operation="SendMessage", count=2)
    began = time.monotonic()
    running.client("sns").publish(TopicArn=mailbox.topic, Message='{"n": 1}')
    assert mailbox.take(1) == [{"n": 1}]
    assert time.monotonic() - began >= 2
    assert struck(faults) == 2


def test_a_delivery_of_a_rule_is_late_and_not_lost(running: Running, faults: FaultClient) -> None:
    events, sqs, name = running.client("events"), running.client("sqs"), f"rule-{uuid.uuid4().hex[:12]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}])
    faults.add("error", service="sqs", operation="SendMessage", count=1)
    began = time.monotonic()
    events.put_events(Entries=[{"Source": name, "DetailType": "any", "Detail": "{}"}])

    def received() -> Any:
        return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")

    assert len(eventually(received, "the event")) == 1
    assert time.monotonic() - began >= 1
    assert struck(faults) == 1
    events.remove_targets(Rule=name, Ids=["it"])
    events.delete_rule(Name=name)
