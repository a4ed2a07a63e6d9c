"""API destinations in a stack of the local AWS: events arrive, later after failures, or end in the DLQ."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.emulator.conftest import Running, end_of_stack
from tests.emulator.fakes import eventually


class Receiver:
    """A server that responds with each of `statuses`, then with 200."""

    def __init__(self) -> None:
        receiver = self
        self.statuses: list[int] = []
        self.requests: list[tuple[dict[str, str], Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(({**self.headers}, json.loads(body)))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Logs nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def source(running: Running, receiver: Receiver) -> str:
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
    running: Running, receiver: Receiver, source: str
) -> None:
    send(running, source)
    eventually(lambda: receiver.requests, "the request")
    (headers, body), *more = receiver.requests
    assert (headers["Sender"], body, more) == ("async-endpoint", {"text": 'é "quoted"'}, [])


def test_a_receiver_that_fails_at_first_gets_the_event_later(running: Running, receiver: Receiver, source: str) -> None:
    receiver.statuses = [500, 429]
    send(running, source)
    eventually(lambda: len(receiver.requests) == 3, "the third request")


@pytest.mark.parametrize(("statuses", "requests", "retries"), [([503] * 9, 3, "2"), ([404] * 9, 1, "0")])
def test_an_event_that_is_never_accepted_is_dead_lettered(
    running: Running, receiver: Receiver, source: str, statuses: list[int], requests: int, retries: str
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
