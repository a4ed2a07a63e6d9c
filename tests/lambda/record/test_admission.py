"""After each batch as many documents are asked for as outcomes were recorded, and no failure there fails the batch."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import (
    AttemptRequest,
    JobsTableWriter,
    Upload,
    build_success,
    record_received,
    record_waiting,
    test_notification,
)
from record.admission import OutcomeCounter, admitting_next
from record.settings import Settings
from shared.admission_adapters import AdmissionQueue
from shared.settings import SettingsError
from tests.support.functions import Function
from tests.support.intake import SUBMIT_ENVIRONMENT

NEVER = 4_000_000_000


@pytest.mark.parametrize(
    ("outcomes", "milliseconds", "asked"), [(3, 30_000, [3]), (0, 30_000, []), (3, 4_999, []), (3, 5_000, [3])]
)
def test_as_many_are_asked_for_as_outcomes_were_recorded(outcomes: int, milliseconds: int, asked: list[int]) -> None:
    counter, found = OutcomeCounter(), list[int]()
    context = cast("Any", SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds))

    def handle(event: dict[str, Any], _: Any) -> Any:
        for _ in range(outcomes):
            counter.add()
        return event

    def ask(count: int) -> int:
        found.append(count)
        raise PermissionError("no")

    response: Any = admitting_next(handle, counter, ask)({"any": "event"}, context)
    assert response == {"any": "event"}
    assert (found, counter.take()) == (asked, 0)


def test_without_admission_nobody_is_asked_for() -> None:
    assert Settings.from_environment(SUBMIT_ENVIRONMENT).admission_queue is None
    assert Settings.from_environment({**SUBMIT_ENVIRONMENT, "ADMISSION": "false"}).admission_queue is None
    with pytest.raises(SettingsError, match="URGENT_QUEUE_URL is not set"):
        Settings.from_environment({**SUBMIT_ENVIRONMENT, "ADMISSION": "true"})


def upload(key: str, second: int) -> Upload:
    at = datetime(2027, 1, 15, 8, 0, second, tzinfo=UTC)
    return Upload(bucket="inputs", key=key, version="v1", region="ap-northeast-1", received_at=at)


def test_jobs_that_wait_are_asked_for_and_neither_retries_nor_claims(
    load: Callable[[str], Function],
    monkeypatch: pytest.MonkeyPatch,
    jobs_table: Table,
    session: boto3.Session,
    aws_url: str,
) -> None:
    sqs = session.client("sqs", endpoint_url=aws_url)
    queue = sqs.create_queue(QueueName=f"urgent-{uuid.uuid4().hex}")["QueueUrl"]
    monkeypatch.setenv("ADMISSION", "true")
    monkeypatch.setenv("URGENT_QUEUE_URL", queue)
    jobs = JobsTableWriter(jobs_table)
    jobs.merge(record_received(upload("inbox/released.png", 0), claimed_until=None, expires_at=NEVER))
    jobs.merge(record_received(upload("inbox/claimed.png", 1), claimed_until=NEVER, expires_at=NEVER))
    for number in (2, 3):
        jobs.merge(record_waiting(upload(f"inbox/{number}.png", number), expires_at=NEVER))
    moment = datetime(2027, 1, 15, 8, 3, tzinfo=UTC)
    outcome = build_success(
        inference_id="a-job",
        endpoint_name="receipts",
        output_location="s3://outputs/1.out",
        region="ap-northeast-1",
        received_time=moment,
        event_time=moment,
    )
    messages = [json.dumps({"Type": "Notification", "Message": json.dumps(each)}) for each in (outcome, outcome)]

    kept, _ = load("record").process(*messages, json.dumps({"Type": "N", "Message": json.dumps(test_notification())}))

    assert AdmissionQueue(sqs, queue).depth() == 2
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=3)["Messages"]
    requests = [AttemptRequest.from_event(json.loads(message["Body"])) for message in found]
    assert kept == []
    assert {each.job_id for each in requests if each} == {
        upload(f"inbox/{number}.png", number).job_id for number in (2, 3)
    }
    sqs.close()
