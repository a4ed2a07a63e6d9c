"""Each notification becomes part of the record of its job, in any order; anything else is an error."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobRecordError,
    JobsTableWriter,
    JobState,
    NotificationError,
    build_failure,
    build_success,
    test_notification,
)
from record.logic import parse_outcome
from shared.outcomes import OutcomeWriter
from tests.support.intake import NOW, Intake, object_created
from tests.support.memory_table import MemoryTable

COMMON: dict[str, Any] = {
    "inference_id": "f" * 64,
    "endpoint_name": "receipts",
    "region": "eu-central-1",
    "received_time": datetime(2027, 1, 15, 8, 0, 1, tzinfo=UTC),
    "event_time": datetime(2027, 1, 15, 8, 3, tzinfo=UTC),
    "input_location": "https://inputs.s3.eu-central-1.amazonaws.com/inbox/%C3%A9.png",
}
SUCCESS = build_success(**COMMON, output_location="s3://outputs/results/1.out")
FAILURE = build_failure(**COMMON, failure_reason="ClientError: no image.", failure_location="s3://outputs/failures/1")
NOWHERE = build_failure(**COMMON, failure_reason="ClientError: no image.")  # it may leave out where the failure is
EXPIRED = build_failure(**COMMON, failure_reason="ClientError: too old.", status="Expired")


def enveloped(message: dict[str, Any]) -> str:
    """As SNS puts it into SQS without raw delivery."""
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(message)})


@dataclass
class Ports:
    """The failure objects and the intake queue, in memory."""

    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[AttemptRequest, int]] = field(default_factory=list)

    def read(self, location: str) -> bytes | None:
        return self.objects.get(location)

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        self.requests.append((request, delay_seconds))


def process(table: MemoryTable, *messages: str, ports: Ports | None = None) -> list[str]:
    """Processes messages; returns the sentences for the log."""
    ports = ports or Ports()
    jobs = JobsTableWriter(table)
    writer = OutcomeWriter(
        jobs=jobs, failures=ports, attempts=ports, max_submissions=3, retry_delay_seconds=30, clock=lambda: NOW
    )
    outcomes = [parse_outcome(message, attempts=jobs, job_retention_days=30, clock=lambda: NOW) for message in messages]
    return [writer.write(outcome) for outcome in outcomes if outcome is not None]


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


def only(table: MemoryTable) -> JobRecord:
    (item,) = table.items.values()
    return JobRecord.from_item(item)


@pytest.mark.parametrize(
    ("message", "state", "said"),
    [
        (SUCCESS, JobState.COMPLETED, "The job is COMPLETED: see s3://outputs/results/1.out."),
        (FAILURE, JobState.FAILED, "The job is FAILED: see s3://outputs/failures/1. Reason: ClientError: no image."),
        (NOWHERE, JobState.FAILED, "The job is FAILED. Reason: ClientError: no image."),
        (EXPIRED, JobState.EXPIRED, "The job is EXPIRED. Reason: ClientError: too old."),
    ],
)
def test_an_outcome_is_recorded_though_no_submission_was(
    table: MemoryTable, message: dict[str, Any], state: JobState, said: str
) -> None:
    assert process(table, enveloped(message)) == [said]

    job = only(table)
    assert (job.job_id, job.state, job.bucket, job.key) == ("f" * 64, state, "inputs", "inbox/é.png")
    assert (job.submitted_at, job.ended_at) == ("2027-01-15T08:00:01.000Z", "2027-01-15T08:03:00.000Z")
    assert job.expires_at == int(NOW) + 30 * 86_400


def test_an_outcome_adds_to_what_the_submission_recorded() -> None:
    intake = Intake()
    intake.put("inbox/a.png")
    intake.deliver(object_created("inbox/a.png"))

    reason = "ClientError: Received client error (400) from model."
    process(intake.table, enveloped({**FAILURE, "failureReason": reason, "inferenceId": intake.job.job_id}))

    assert (intake.job.state, intake.job.version) == (JobState.FAILED, "v1")
    assert intake.job.output_location == "s3://outputs/results/1.out"


def test_the_same_notification_twice_is_written_once(table: MemoryTable) -> None:
    process(table, enveloped(SUCCESS))
    first = only(table)
    process(table, enveloped(SUCCESS))

    assert only(table) == first
    assert table.updates == 1


def test_a_failure_after_the_result_changes_nothing(table: MemoryTable) -> None:
    said = process(table, enveloped(SUCCESS), enveloped(FAILURE))

    assert said[1] == "FAILED was reported, but the job is COMPLETED and stays so."
    assert (only(table).state, only(table).reason) == (JobState.COMPLETED, None)


def test_a_test_notification_is_not_an_outcome(table: MemoryTable) -> None:
    assert process(table, enveloped(test_notification())) == []
    assert table.items == {}


@pytest.mark.parametrize("message", ["no JSON", "[]", json.dumps({"Type": "Notification", "Message": "no JSON"})])
def test_a_message_that_is_not_a_json_object_is_an_error(table: MemoryTable, message: str) -> None:
    with pytest.raises(NotificationError, match="A notification is"):
        process(table, message)


@pytest.mark.parametrize("message", [{}, {**SUCCESS, "invocationStatus": "Paused"}, {**SUCCESS, "inferenceId": None}])
def test_a_message_without_an_outcome_is_an_error(table: MemoryTable, message: dict[str, Any]) -> None:
    with pytest.raises(JobRecordError, match="reports no outcome of a job"):
        process(table, enveloped(message))
    assert table.items == {}
