"""API destinations in a stack of the local AWS: events arrive, later after failures, or end in the DLQ."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.conftest import Running, end_of_stack
from tests.emulator.fakes import eventually
from tests.support.webhook import Webhook, listening


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with listening() as webhook:
        yield webhook


@pytest.fixture
def source(running: Running, receiver: Webhook) -> str:
    """The source of events that go to the receiver: a stack as the CDK makes it."""
    name = f"source-{uuid.uuid4().hex[:12]}"
    key = {"ApiKeyName": "Sender", "ApiKeyValue": "async-endpoint"}
    status, reasons = end_of_stack(
        running,
        {
            "Connection": {
                "Type": "AWS::Events::Connection",
                "Properties": {"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": key}},
            },
            "Destination": {
                "Type": "AWS::Events::ApiDestination",
                "Properties": {
                    "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                    "HttpMethod": "POST",
                    "InvocationEndpoint": receiver.url,
                },
            },
            "Letters": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": [name]},
                    "Targets": [
                        {
                            "Id": "it",
                            "Arn": {"Fn::GetAtt": ["Destination", "Arn"]},
                            "InputPath": "$.detail.sent",
                            "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
                            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Letters", "Arn"]}},
                        }
                    ],
                },
            },
        },
    )
    assert status == "CREATE_COMPLETE", reasons
    return name


def send(running: Running, source: str) -> None:
    detail = {"sent": {"text": 'é "quoted"'}, "kept": 1}
    entry = {"Source": source, "DetailType": "any", "Detail": json.dumps(detail)}
    assert running.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_an_event_arrives_with_the_connections_key_and_no_more_than_the_input_path(
    running: Running, receiver: Webhook, source: str
) -> None:
    send(running, source)
    eventually(lambda: receiver.requests, "the request")
    (headers, _), *more = receiver.requests
    assert (headers["Sender"], receiver.bodies, more) == ("async-endpoint", [{"text": 'é "quoted"'}], [])


def test_a_receiver_that_fails_at_first_gets_the_event_later(running: Running, receiver: Webhook, source: str) -> None:
    receiver.statuses = [500, 429]
    send(running, source)
    eventually(lambda: len(receiver.requests) == 3, "the third request")


@pytest.mark.parametrize(("statuses", "requests", "retries"), [([503] * 9, 3, "2"), ([404] * 9, 1, "0")])
def test_an_event_that_is_never_accepted_is_dead_lettered(
    running: Running, receiver: Webhook, source: str, statuses: list[int], requests: int, retries: str
) -> None:
    receiver.statuses = [*statuses]
    send(running, source)
    sqs = running.client("sqs")
    url = sqs.get_queue_url(QueueName=source)["QueueUrl"]

    def received() -> Any:
        return sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")

    (letter,) = eventually(received, "the dead letter")
    assert json.loads(letter["Body"])["detail"]["kept"] == 1
    assert letter["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == retries
    assert len(receiver.requests) == requests
