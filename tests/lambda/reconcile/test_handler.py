"""The reconcile function with a table, buckets and a queue over HTTP, and the submit function behind it."""

import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import (
    JobsTableWriter,
    JobState,
    Upload,
    record_received,
    record_submitted,
    record_waiting,
)
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox
from tests.support.intake import RECONCILE_ENVIRONMENT

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r")


@pytest.fixture
def queue(
    load: Callable[[str], Function],
    session: boto3.Session,
    aws_url: str,
    monkeypatch: pytest.MonkeyPatch,
    jobs_table: Table,
    inbox: VersionedInbox,
) -> str:
    """URL of the intake queue; the DLQs are empty. The functions' environment is set."""
    del load  # sets the environment of the other functions
    sqs = session.client("sqs", endpoint_url=aws_url)
    urls = [
        sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex}")["QueueUrl"] for name in ("intake", "dead", "urgent")
    ]
    environment = {
        **RECONCILE_ENVIRONMENT,
        "LOOK_AFTER_SECONDS": "1",
        "JOBS_TABLE": jobs_table.name,
        "INBOX_BUCKET": inbox.bucket,
        "INTAKE_QUEUE_URL": urls[0],
        "INTAKE_DEAD_LETTERS_URL": urls[1],
        "URGENT_QUEUE_URL": urls[2],
        "URGENT_DEAD_LETTERS_URL": urls[1],
        "AWS_REGION": "ap-northeast-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return urls[0]


def test_what_was_lost_is_recorded_from_s3_or_submitted_after_all(
    load: Callable[[str], Function],
    queue: str,
    inbox: VersionedInbox,
    server: EndpointServer,
    jobs_table: Table,
    jobs: RecordedJobs,
    session: boto3.Session,
    aws_url: str,
) -> None:
    submit, reconcile = load("submit"), load("reconcile").module

    # Its notification never came.
    inbox.s3.put_object(Bucket=inbox.bucket, Key="results/1.out", Body=b"{}")
    silent = Upload(
        bucket=inbox.bucket, key="inbox/silent.png", version="v1", region="x", received_at=datetime.now(UTC)
    )
    accepted = record_submitted(
        silent,
        at=datetime.now(UTC) - timedelta(seconds=5),
        content_type="image/png",
        output_location=f"s3://{inbox.bucket}/results/1.out",
        failure_location=f"s3://{inbox.bucket}/failures/1-error.out",
        expires_at=4_000_000_000,
    )
    JobsTableWriter(jobs_table).merge(accepted)
    # Neither of the two events came.
    for body in (b"first", b"second"):
        inbox.put("inbox/täst +%.png", body, ContentType="image/png")
    time.sleep(1.1)  # LastModified has whole seconds

    reconcile.handler({}, CONTEXT)

    assert jobs.by_key()["inbox/silent.png"].state is JobState.COMPLETED
    sqs = session.client("sqs", endpoint_url=aws_url)
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    bodies = [message["Body"] for message in received]
    assert len({json.loads(body)["detail"]["object"]["version-id"] for body in bodies}) == 2
    kept, _ = submit.process(*bodies)
    assert kept == []
    items = [item for item in jobs_table.scan(ConsistentRead=True)["Items"] if item.get("key") == "inbox/täst +%.png"]
    states = sorted(str(item["state"]) for item in items)
    assert states == ["SUBMITTED", "SUBMITTED"]
    assert len(server.requests) == 2

    reconcile.handler({}, CONTEXT)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)


def test_of_thousands_that_wait_none_hides_a_stuck_job_and_an_urgent_document_goes_to_its_own_queue(
    load: Callable[[str], Function],
    queue: str,
    inbox: VersionedInbox,
    jobs_table: Table,
    session: boto3.Session,
    aws_url: str,
) -> None:
    reconcile = load("reconcile").module
    jobs, now = JobsTableWriter(jobs_table), datetime.now(UTC)
    for number in range(230):
        upload = Upload(
            bucket=inbox.bucket,
            key=f"inbox/{number}.png",
            version="v1",
            region="x",
            received_at=now - timedelta(days=2, seconds=-number),
        )
        if number < 229:
            jobs.merge(record_waiting(upload, expires_at=4_000_000_000))
        else:
            jobs.merge(record_received(upload, claimed_until=1, expires_at=4_000_000_000))
    inbox.put("inbox-urgent/lost.png")
    inbox.put("inbox-of-another/foreign.png")
    time.sleep(1.1)  # LastModified has whole seconds

    reconcile.handler({}, CONTEXT)

    sqs = session.client("sqs", endpoint_url=aws_url)

    def bodies(url: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    (stuck,) = bodies(queue)
    assert stuck["detail"] == {"job_id": upload.job_id, "attempt": 1}
    urgent = bodies(os.environ["URGENT_QUEUE_URL"])
    assert [each["detail"]["object"]["key"] for each in urgent if each["source"] == "aws.s3"] == [
        "inbox-urgent/lost.png"
    ]
    assert len(urgent) == 101
    sqs.close()
