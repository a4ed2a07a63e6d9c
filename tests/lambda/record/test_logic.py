"""Each notification ends in the record of its job, in whatever order they come; what is none is kept."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from async_endpoint.protocol import (
    JobRecord,
    JobRecordError,
    JobState,
    JobTable,
    NotificationError,
    build_failure,
    build_success,
    test_notification,
)
from record.logic import Recorder
from record.settings import Settings, SettingsError
from tests.support.intake import NOW, Intake, object_created
from tests.support.memory_table import MemoryTable

ENVIRONMENT = {"JOBS_TABLE": "jobs", "JOB_RETENTION_DAYS": "30"}
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
EXPIRED = build_failure(**COMMON, failure_reason="ClientError: too old.", status="Expired")


def enveloped(message: dict[str, Any]) -> str:
    """As SNS puts it into SQS without raw delivery."""
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(message)})


def recorder(table: MemoryTable) -> Recorder:
    return Recorder(jobs=JobTable(table), settings=Settings.from_environment(ENVIRONMENT), clock=lambda: NOW)


def tell(table: MemoryTable, *messages: str) -> list[str]:
    """Work on messages; answers the sentences that are logged."""
    outcomes = [recorder(table).read(message) for message in messages]
    return [recorder(table).record(outcome) for outcome in outcomes if outcome is not None]


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
        (EXPIRED, JobState.EXPIRED, "The job is EXPIRED: see None. Reason: ClientError: too old."),
    ],
)
def test_an_outcome_is_recorded_though_no_submission_was(
    table: MemoryTable, message: dict[str, Any], state: JobState, said: str
) -> None:
    assert tell(table, enveloped(message)) == [said]

    job = only(table)
    assert (job.job_id, job.state, job.bucket, job.key) == ("f" * 64, state, "inputs", "inbox/é.png")
    assert (job.submitted_at, job.ended_at) == ("2027-01-15T08:00:01.000Z", "2027-01-15T08:03:00.000Z")
    assert job.expires_at == int(NOW) + 30 * 86_400


def test_an_outcome_adds_to_what_the_submission_recorded() -> None:
    intake = Intake()
    intake.put("inbox/a.png")
    intake.deliver(object_created("inbox/a.png"))

    tell(intake.table, enveloped({**FAILURE, "inferenceId": intake.job.job_id}))

    assert (intake.job.state, intake.job.version) == (JobState.FAILED, "v1")
    assert intake.job.output_location == "s3://outputs/results/1.out"


def test_the_same_notification_twice_is_written_once(table: MemoryTable) -> None:
    tell(table, enveloped(SUCCESS))
    first = only(table)
    tell(table, enveloped(SUCCESS))

    assert only(table) == first
    assert table.updates == 1


def test_a_failure_that_is_told_after_the_answer_changes_nothing(table: MemoryTable) -> None:
    said = tell(table, enveloped(SUCCESS), enveloped(FAILURE))

    assert said[1] == "FAILED was told, but the job is COMPLETED and stays so."
    assert (only(table).state, only(table).reason) == (JobState.COMPLETED, None)


def test_a_test_notification_is_no_outcome(table: MemoryTable) -> None:
    assert tell(table, enveloped(test_notification())) == []
    assert table.items == {}


@pytest.mark.parametrize("message", ["no JSON", "[]", json.dumps({"Type": "Notification", "Message": "no JSON"})])
def test_a_message_that_is_no_json_object_is_kept(table: MemoryTable, message: str) -> None:
    with pytest.raises(NotificationError, match="A notification is"):
        tell(table, message)


@pytest.mark.parametrize("message", [{}, {**SUCCESS, "invocationStatus": "Paused"}, {**SUCCESS, "inferenceId": None}])
def test_a_message_that_tells_no_outcome_is_kept(table: MemoryTable, message: dict[str, Any]) -> None:
    with pytest.raises(JobRecordError, match="tells no outcome of a job"):
        tell(table, enveloped(message))
    assert table.items == {}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_a_variable_out_of_its_range_is_named_with_the_range() -> None:
    with pytest.raises(SettingsError, match="JOB_RETENTION_DAYS is '0': it takes a whole number from 1 to 3650"):
        Settings.from_environment({**ENVIRONMENT, "JOB_RETENTION_DAYS": "0"})
