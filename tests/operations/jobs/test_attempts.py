"""Another attempt is one write and one message; nothing between the two loses or doubles it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from async_endpoint.operations.jobs.attempts import AttemptNotSent, AttemptRequester, JobChanged
from async_endpoint.protocol import AttemptRequest, JobRecord, JobRecordError, JobsTableWriter, JobState, merge_records
from tests.support.memory_table import MemoryTable

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
FAILED = JobRecord(
    job_id="job",
    state=JobState.FAILED,
    bucket="inputs",
    key="inbox/a.png",
    version="v1",
    received_at="2026-01-31T11:00:00.000Z",
    ended_at="2026-01-31T11:01:00.000Z",
    reason="no image",
)
CAUSE = "It was tested."


class Intake:
    """A table and a queue in memory; `broken` makes the queue unreachable."""

    def __init__(self, *records: JobRecord) -> None:
        self.table = MemoryTable()
        self.sent: list[AttemptRequest] = []
        self.broken = False
        for record in records:
            self.jobs.merge(record)

    @property
    def jobs(self) -> JobsTableWriter:
        return JobsTableWriter(self.table)

    @property
    def requester(self) -> AttemptRequester:
        return AttemptRequester(self.jobs, self.send, lambda: NOW, retention_days=30)

    def send(self, request: AttemptRequest) -> None:
        if self.broken:
            raise EndpointConnectionError(endpoint_url="https://sqs")
        self.sent.append(request)

    def job(self) -> JobRecord:
        job = self.jobs.get("job")
        assert job
        return job


def test_a_failed_job_gets_its_next_attempt_and_one_message() -> None:
    intake = Intake(FAILED)

    requested = intake.requester.request("job", CAUSE)

    job = intake.job()
    assert requested.job == job
    assert not requested.repeated
    assert (job.state, job.attempt, job.cause, job.requested_at) == ("RECEIVED", 2, CAUSE, "2026-01-31T12:00:00.000Z")
    assert [attempt.state for attempt in job.attempts] == [JobState.FAILED, JobState.RECEIVED]
    assert intake.sent == [AttemptRequest("job", 2)]


def test_what_could_not_be_sent_is_a_sentence_and_is_sent_by_the_second_request() -> None:
    intake = Intake(FAILED)
    intake.broken = True
    with pytest.raises(
        AttemptNotSent, match=r"Attempt 2 of job job is recorded, but .*: run `async-endpoint retry job`"
    ):
        intake.requester.request("job", CAUSE)

    intake.broken = False
    requested = intake.requester.request("job", CAUSE)

    assert requested.repeated
    assert str(requested) == "job: attempt 2 waited already: its message was sent again."
    assert len(intake.job().attempts) == 2
    assert intake.sent == [AttemptRequest("job", 2)]


def kill(_: AttemptRequest) -> None:
    raise SystemExit


def test_a_command_killed_between_write_and_message_loses_nothing() -> None:
    intake = Intake(FAILED)
    with pytest.raises(SystemExit):
        AttemptRequester(intake.jobs, kill, lambda: NOW, retention_days=30).request("job", CAUSE)
    assert intake.job().state is JobState.RECEIVED

    intake.requester.request("job", CAUSE)

    assert len(intake.job().attempts) == 2
    assert intake.sent == [AttemptRequest("job", 2)]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (replace(FAILED, state=JobState.COMPLETED), "is COMPLETED: only one that is over without a result"),
        (replace(FAILED, state=JobState.SUBMITTED), "is SUBMITTED: only one that is over without a result"),
        (replace(FAILED, version=None), "did not come through the inbox"),
        (replace(FAILED, state=JobState.RECEIVED, claimed_until=int(NOW.timestamp()) + 1), "is being submitted"),
        (replace(FAILED, job_id="another"), "There is no job job: it never existed"),
    ],
)
def test_other_jobs_are_left_alone_with_a_sentence(record: JobRecord, sentence: str) -> None:
    intake = Intake(record)
    before = dict(intake.table.items)

    with pytest.raises(JobRecordError, match=sentence):
        intake.requester.request("job", CAUSE)

    assert intake.table.items == before
    assert intake.sent == []


def test_a_result_of_an_earlier_attempt_is_not_processed_again() -> None:
    cancelled = JobRecord(job_id="job", state=JobState.CANCELLED, attempt=2, ended_at="2026-01-31T11:02:00.000Z")
    intake = Intake(replace(FAILED, state=JobState.COMPLETED, result_location="s3://out/1.out"), cancelled)
    assert intake.job().state is JobState.CANCELLED

    with pytest.raises(JobRecordError, match=r"Attempt 1 of job job has a result, s3://out/1\.out"):
        intake.requester.request("job", CAUSE)


def faster(intake: Intake) -> Callable[[], None]:
    """Another command, which requests the attempt first."""

    def request() -> None:
        other = AttemptRequester(intake.jobs, intake.send, lambda: NOW - timedelta(seconds=1), retention_days=30)
        other.request("job", "It was faster.")

    return request


def test_of_two_commands_on_the_same_listing_one_requests_the_attempt() -> None:
    intake = Intake(FAILED)
    intake.table.before_update.append(faster(intake))

    with pytest.raises(JobChanged, match="is RECEIVED at attempt 2 by now: left alone"):
        intake.requester.request("job", CAUSE, listed=FAILED)

    assert intake.job().cause == "It was faster."
    assert intake.sent == [AttemptRequest("job", 2)]


def test_a_job_that_failed_again_since_it_was_listed_is_left_alone() -> None:
    again = JobRecord(job_id="job", state=JobState.FAILED, attempt=2, ended_at="2026-01-31T11:30:00.000Z")
    intake = Intake(merge_records(FAILED, again))

    with pytest.raises(JobChanged):
        intake.requester.request("job", CAUSE, listed=FAILED)

    assert intake.sent == []


def test_a_write_whose_response_was_lost_is_its_own() -> None:
    intake = Intake(FAILED)

    class Deaf(MemoryTable):
        def update_item(self, **request: object) -> None:
            intake.table.update_item(**request)
            code = "ConditionalCheckFailedException"  # the SDK's own retry found the write
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateItem")

        def get_item(self, **request: object) -> dict[str, object]:
            return intake.table.get_item(**request)

    requested = AttemptRequester(JobsTableWriter(Deaf()), intake.send, lambda: NOW, retention_days=30).request(
        "job", CAUSE, listed=FAILED
    )

    assert not requested.repeated
    assert intake.sent == [AttemptRequest("job", 2)]
