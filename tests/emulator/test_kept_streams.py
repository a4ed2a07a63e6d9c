"""After a restart the functions of a stream get every write that they have not processed, and all later ones."""

import json
import time
from pathlib import Path
from typing import Any

from async_endpoint.emulator.launcher import LocalAws
from tests.emulator.conftest import Start
from tests.emulator.fakes import eventually
from tests.emulator.functions import create_function
from tests.emulator.test_kept_state import client

# Takes ten minutes where the file WORKS is missing. Else it sends what it gets to a queue, at the local AWS's port of
# now: the queue's URL in its environment follows it.
HANDLER = """
import json, os, time, urllib.request

def handler(event, context):
    if not os.path.exists(os.environ["WORKS"]):
        open(os.environ["WORKS"], "w").close()
        time.sleep(600)
    ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    body = {"QueueUrl": os.environ["QUEUE"], "MessageBody": json.dumps(ids)}
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20270115/" + os.environ["AWS_REGION"] + "/sqs/aws4_request",
    }
    url = "/".join(os.environ["QUEUE"].split("/")[:3])
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers))
"""


def deploy(local: LocalAws, works: Path) -> str:
    """Makes a table whose stream a function gets, once for each record; returns the mapping's id."""
    functions, dynamodb = client(local, "lambda"), client(local, "dynamodb")
    stream = dynamodb.create_table(
        TableName="jobs",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    create_function(functions, "notifier", HANDLER, seconds=900, QUEUE=queue(local), WORKS=str(works))
    made: str = functions.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName="notifier",
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        MaximumRetryAttempts=0,
    )["UUID"]
    return made


def queue(local: LocalAws) -> str:
    url: str = client(local, "sqs").create_queue(QueueName="got")["QueueUrl"]
    return url


def write(local: LocalAws, *ids: str) -> None:
    for each in ids:
        client(local, "dynamodb").put_item(TableName="jobs", Item={"id": {"S": each}})


def delivered(local: LocalAws, count: int) -> list[str]:
    """Returns the ids of the next records that the function gets."""
    sqs, url = client(local, "sqs"), queue(local)
    found: list[str] = []

    def enough() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.extend(json.loads(message["Body"]))
        return len(found) >= count

    eventually(enough, f"{count} records, got {found}")
    return found


def test_what_is_written_before_and_after_a_restart_is_delivered_once(start: Start, tmp_path: Path) -> None:
    works = tmp_path / "works"
    works.touch()
    local = start(tmp_path)
    mapping = deploy(local, works)
    write(local, "a", "b", "c")
    assert sorted(delivered(local, 3)) == ["a", "b", "c"]
    client(local, "lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
    write(local, "d", "e")  # nobody has processed these when it stops
    time.sleep(3)  # for the function to return, which has sent its last message
    local.stop()

    again = start(tmp_path)
    write(again, "f")
    client(again, "lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    assert sorted(delivered(again, 3)) == ["d", "e", "f"]
    write(again, "g")
    assert delivered(again, 1) == ["g"]


def test_what_is_processed_at_the_stop_is_delivered_again_and_not_given_up(start: Start, tmp_path: Path) -> None:
    works = tmp_path / "works"
    local = start(tmp_path)
    deploy(local, works)
    write(local, "a")
    eventually(works.exists, "the function works")
    local.stop()
    assert delivered(start(tmp_path), 1) == ["a"]


def test_a_state_that_an_earlier_release_saved_without_records_delivers_what_is_written_next(
    start: Start, tmp_path: Path
) -> None:
    works = tmp_path / "works"
    works.touch()
    local = start(tmp_path)
    deploy(local, works)
    write(local, "a", "b", "c")
    assert sorted(delivered(local, 3)) == ["a", "b", "c"]
    local.stop()
    saved = tmp_path / "kept" / "services" / "dynamodb.json"
    state: dict[str, Any] = json.loads(saved.read_text(encoding="utf-8"))
    del state["payload"]["stream_records"]
    saved.write_text(json.dumps(state), encoding="utf-8")

    again = start(tmp_path)
    write(again, "d")
    assert delivered(again, 1) == ["d"]
