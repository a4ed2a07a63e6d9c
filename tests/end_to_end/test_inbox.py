"""A document that is put into the inbox ends in exactly one state in the jobs table, whatever it is called or holds."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.client import JobNotFound, JobsTableReader
from async_endpoint.protocol import JobRecord, JobState, S3Location, job_id, parse_notification, utc_timestamp
from tests.end_to_end.conftest import Stage, listen, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

Receipts = list[tuple[bytes, dict[str, str]]]
MANY = 150  # more than the lane has room for while few outcomes are known, with any number of instances


def put(stage: Stage, key: str, body: bytes) -> S3Location:
    boto3.client("s3").put_object(Bucket=stage.deployment.inputs, Key=key, Body=body)
    return S3Location(stage.deployment.inputs, key)


@cache
def jobs_of(table: str) -> JobsTableReader:
    """The reader of a jobs table: a session for each document would take longer than all else."""
    return JobsTableReader.from_session(table)


def end_of(stage: Stage, job: str | S3Location) -> JobRecord:
    """Wait until the table shows how a job ended."""
    records = jobs_of(stage.deployment.jobs_table)

    def ended() -> JobRecord | None:
        try:
            record = records.get(job)
        except JobNotFound:
            return None
        return record if record.state.is_final else None

    return wait_for(ended, f"the end of {job}")


def queue_url(kind: str) -> str:
    """The one queue of the deployed stage whose name holds these letters."""
    (url,) = (url for url in boto3.client("sqs").list_queues()["QueueUrls"] if kind in url)
    return url


def depth(kind: str) -> int:
    """How many messages a queue holds, those that are being processed_by on included."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url(kind), AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def alarm_state(kind: str) -> str:
    """The state of the one alarm whose name holds these letters."""
    (alarm,) = (
        item for item in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"] if kind in item["AlarmName"]
    )
    return alarm["StateValue"]


def logged(worker: str, text: str) -> bool:
    """Whether a line of a function's own log group holds a text."""
    (function,) = (
        item for item in boto3.client("lambda").list_functions()["Functions"] if worker in item["FunctionName"]
    )
    group = function["LoggingConfig"]["LogGroup"]
    pages = boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return any(text in line["message"] for page in pages for line in page["events"])


def messages_until(url: str, job: str) -> list[str]:
    """Receive messages until one names a job; returns their bodies."""
    sqs = boto3.client("sqs")
    bodies: list[str] = []

    def told() -> bool | None:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(message["Body"])
        return any(job in body for body in bodies) or None

    wait_for(told, f"the notification of {job}")
    return bodies


def event(location: S3Location, version: str, etag: str, size: int) -> dict[str, Any]:
    """EventBridge's event of a new object."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "time": "2026-01-31T12:00:00Z",
        "region": "ap-northeast-1",
        "detail": {
            "bucket": {"name": location.bucket},
            "object": {"key": location.key, "size": size, "etag": etag, "version-id": version},
        },
    }


@pytest.mark.parametrize(
    "name", ["plain.png", "with blanks in it.png", "レシート.png", "50%+1 plus&more=?.png", "folder/below/it.png"]
)
def test_a_document_is_read_whatever_it_is_called(stage: Stage, receipts: Receipts, name: str) -> None:
    image, on_receipt = receipts[10]

    place = put(stage, f"inbox/{name}", image)

    record = end_of(stage, place)
    assert (record.state, record.bucket, record.key) == (JobState.COMPLETED, place.bucket, place.key)
    times = (record.received_at, record.submitted_at, record.ended_at)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment or "") for moment in times)
    assert str(record.received_at) <= str(record.ended_at) <= utc_timestamp(datetime.now(UTC))
    answer = S3Location.from_uri(record.outcome_location or "")
    body = boto3.client("s3").get_object(Bucket=answer.bucket, Key=answer.key)["Body"].read()
    assert json.loads(body)["predictions"] == [on_receipt]


def test_of_more_documents_than_there_is_room_for_all_are_read_and_an_urgent_one_too(
    stage: Stage, receipts: Receipts
) -> None:
    # All at once: uploads one by one may be no faster than the endpoint, and then none of them waits.
    functions = boto3.client("lambda")
    (mapping,) = (
        each["UUID"]
        for each in functions.list_event_source_mappings()["EventSourceMappings"]
        if "IntakeQueue" in each["EventSourceArn"]
    )
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    places = [put(stage, f"inbox/many/{number}.png", receipts[number % 20][0]) for number in range(MANY)]
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    urgent = put(stage, "inbox-urgent/now.png", receipts[14][0])

    assert end_of(stage, urgent).state is JobState.COMPLETED
    assert {end_of(stage, place).state for place in places} == {JobState.COMPLETED}
    assert logged("IntakeFunction", "waits for admission")


@pytest.mark.parametrize("worker", ["IntakeFunction", "ResultsFunction"])
def test_a_functions_own_log_names_the_job(stage: Stage, receipts: Receipts, worker: str) -> None:
    record = end_of(stage, put(stage, "inbox/logged.png", receipts[13][0]))

    wait_for(lambda: logged(worker, record.job_id) or None, f"a line of {worker} about {record.job_id}")
    source = {"IntakeFunction": "submit", "ResultsFunction": "record"}[worker]
    printed = CliRunner().invoke(main, ["logs", source, "--contains", record.job_id, "--stage", "dev"])
    assert printed.exit_code == 0, printed.output
    assert all(f" {source} " in line and record.job_id in line for line in printed.stdout.splitlines())
    assert printed.stdout


def test_the_endpoints_log_is_printed(stage: Stage, receipts: Receipts) -> None:
    end_of(stage, put(stage, "inbox/logged-by-the-endpoint.png", receipts[14][0]))

    printed = CliRunner().invoke(main, ["logs", "endpoint", "--stage", "dev"])

    assert printed.exit_code == 0, printed.output
    assert {line.split()[1] for line in printed.stdout.splitlines()} == {"endpoint"}


def test_a_broken_image_fails_with_its_reason(stage: Stage) -> None:
    record = end_of(stage, put(stage, "inbox/broken.png", b"this is no image"))

    assert record.state is JobState.FAILED
    assert "(400) from model" in (record.reason or "")
    assert record.failure_location is not None


@pytest.mark.parametrize(("key", "reason"), [("inbox/empty.png", "empty"), ("inbox/2026/", "folder")])
def test_what_is_no_document_fails_without_a_request(stage: Stage, key: str, reason: str) -> None:
    record = end_of(stage, put(stage, key, b""))

    assert record.state is JobState.FAILED
    assert reason in (record.reason or "")
    assert record.submitted_at is None


def test_a_document_that_was_deleted_before_it_was_seen_fails(stage: Stage) -> None:
    place = S3Location(stage.deployment.inputs, f"inbox/{uuid.uuid4()}.png")
    gone = event(place, "gone", "0" * 32, 1000)

    boto3.client("sqs").send_message(QueueUrl=queue_url("IntakeQueue"), MessageBody=json.dumps(gone))

    record = end_of(stage, job_id(place.bucket, place.key, "gone"))
    assert record.state is JobState.FAILED
    assert "deleted" in (record.reason or "")


def test_a_doubled_event_is_one_job_and_one_request(stage: Stage, receipts: Receipts) -> None:
    heard = listen(stage.deployment, "heard-of-doubled-events")
    place = put(stage, "inbox/twice.png", receipts[11][0])
    head = boto3.client("s3").head_object(Bucket=place.bucket, Key=place.key)
    again = event(place, head["VersionId"], head["ETag"].strip('"'), head["ContentLength"])
    for _ in range(2):
        boto3.client("sqs").send_message(QueueUrl=queue_url("IntakeQueue"), MessageBody=json.dumps(again))

    record = end_of(stage, place)
    wait_for(lambda: depth("IntakeQueue") == 0 or None, "the end of the doubled events")

    table = boto3.resource("dynamodb").Table(stage.deployment.jobs_table)
    jobs = [item for item in table.scan()["Items"] if item.get("key") == place.key]
    assert [item["job_id"] for item in jobs] == [record.job_id]
    # Each request is notified of once; a second one would have been notified of by the time the next document is.
    after = end_of(stage, put(stage, "inbox/after-twice.png", receipts[11][0]))
    told = [parse_notification(body).inference_id for body in messages_until(heard, after.job_id)]
    assert told.count(record.job_id) == 1


@pytest.fixture
def hurried_intake(stage: Stage) -> Iterator[None]:
    """Tries of a message follow each other at once; as deployed they are minutes apart."""
    del stage
    sqs, url = boto3.client("sqs"), queue_url("IntakeQueue")
    as_deployed = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=as_deployed)


@pytest.mark.usefixtures("hurried_intake")
def test_a_poison_message_is_kept_and_alarmed_while_the_rest_goes_on(stage: Stage, receipts: Receipts) -> None:
    poison = f"this is no JSON {uuid.uuid4()}"
    boto3.client("sqs").send_message(QueueUrl=queue_url("IntakeQueue"), MessageBody=poison)

    assert end_of(stage, put(stage, "inbox/meanwhile.png", receipts[12][0])).state is JobState.COMPLETED

    wait_for(lambda: depth("IntakeDeadLetters") or None, "the dead letter")
    wait_for(lambda: alarm_state("IntakeAlarm") == "ALARM" or None, "the alarm on dead letters")
    assert alarm_state("ResultsAlarm") != "ALARM"
    messages_until(queue_url("IntakeDeadLetters"), poison)
