"""The lane over HTTP: what it counts in the index, and the whole function with it."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_sqs.client import SQSClient

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobsTableWriter,
    JobState,
    Upload,
    VariantScaling,
    record_received,
    record_submitted,
    record_waiting,
    utc_timestamp,
)
from shared.settings import SettingsError
from submit.lane_adapters import AwsView, LaneSettings
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox

NEVER = 4_000_000_000
ENVIRONMENT = {
    "ADMISSION": "true",
    "JOBS_TABLE": "jobs",
    "ENDPOINT_NAME": "receipts",
    "VARIANT_NAME": "AllTraffic",
    "INTAKE_QUEUE_URL": "https://sqs/intake",
    "URGENT_QUEUE_URL": "https://sqs/urgent",
    "URGENT_PREFIX": "inbox-urgent/",
    "INSTANCE_REQUESTS": "2",
    "INSTANCE_BATCH": "1",
    "BACKLOG_PER_INSTANCE": "1",
    "MAX_INSTANCES": "1",
    "BATCH_SIZE": "10",
    "MAX_CONCURRENCY": "10",
}


@pytest.fixture
def sqs(aws_url: str, session: boto3.Session) -> SQSClient:
    return session.client("sqs", endpoint_url=aws_url)


@pytest.fixture
def view(jobs_table: Table, sqs: SQSClient, aws_url: str, session: boto3.Session) -> AwsView:
    queue = sqs.create_queue(QueueName=f"intake-{uuid.uuid4().hex}")["QueueUrl"]
    sagemaker = session.client("sagemaker", endpoint_url=aws_url)
    scaling = session.client("application-autoscaling", endpoint_url=aws_url)
    variant = VariantScaling(sagemaker, scaling, endpoint="none", variant="AllTraffic")
    return AwsView(variant, jobs_table, sqs, queue)


def upload(number: int, at: datetime) -> Upload:
    return Upload(bucket="inputs", key=f"inbox/{number}.png", version="v1", region="x", received_at=at)


def test_without_admission_there_is_no_lane() -> None:
    assert LaneSettings.from_environment({}) is None
    assert LaneSettings.from_environment({**ENVIRONMENT, "ADMISSION": "false"}) is None
    assert LaneSettings.from_environment(ENVIRONMENT) is not None


@pytest.mark.parametrize("name", [name for name in ENVIRONMENT if name != "ADMISSION"])
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        LaneSettings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_jobs_are_counted_no_further_than_necessary_and_no_older_than_asked(jobs_table: Table, view: AwsView) -> None:
    jobs, now = JobsTableWriter(jobs_table), datetime.now(UTC)
    for number in range(5):
        at = now - timedelta(hours=2 if number == 0 else 0)
        record = record_submitted(
            upload(number, at), at=at, content_type=None, output_location="s3://o/1", failure_location=None,
            expires_at=NEVER,
        )  # fmt: skip
        jobs.merge(record)
    since = now - timedelta(hours=1)
    assert [view.submitted(since=since, most=most) for most in (3, 4, 100)] == [3, 4, 4]


def test_jobs_that_wait_are_counted_and_no_others(jobs_table: Table, view: AwsView) -> None:
    jobs, now = JobsTableWriter(jobs_table), datetime.now(UTC)
    jobs.merge(record_received(upload(0, now), claimed_until=NEVER, expires_at=NEVER))
    jobs.merge(record_received(upload(1, now), claimed_until=None, expires_at=NEVER))
    assert (view.anybody_waits(), view.waiting(most=100)) == (False, 0)
    for number in (2, 3):
        jobs.merge(record_waiting(upload(number, now), expires_at=NEVER))
    assert (view.anybody_waits(), view.waiting(most=100), view.waiting(most=1)) == (True, 2, 1)


def test_the_rate_is_that_of_the_newest_results(jobs_table: Table, view: AwsView) -> None:
    assert view.outcomes_per_second() == 0.0
    jobs, now = JobsTableWriter(jobs_table), datetime.now(UTC)
    for number in range(60):
        ended = utc_timestamp(now - timedelta(seconds=number))
        jobs.merge(JobRecord(job_id=str(number), state=JobState.COMPLETED, ended_at=ended))
    assert view.outcomes_per_second() == pytest.approx(1.0, abs=0.2)


def test_messages_are_those_of_the_intake_queue(view: AwsView) -> None:
    assert view.queued() == 0


def test_a_function_with_room_for_two_has_the_third_wait_and_submits_an_urgent_one(
    load: Callable[[str], Function],
    inbox: VersionedInbox,
    server: EndpointServer,
    jobs: RecordedJobs,
    sqs: SQSClient,
    jobs_table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = {
        f"{name}_QUEUE_URL": sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex}")["QueueUrl"]
        for name in ("INTAKE", "URGENT")
    }
    # Its calls to SageMaker reach nothing: one instance is assumed.
    settings = {
        **ENVIRONMENT,
        **urls,
        "JOBS_TABLE": jobs_table.name,
        "AWS_ENDPOINT_URL_SAGEMAKER": "http://localhost:9",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    submit = load("submit")
    events = [json.dumps(inbox.put(f"inbox/{number}.png")) for number in range(3)]

    kept, lines = submit.process(*events, json.dumps(inbox.put("inbox-urgent/now.png")))

    states = {key: (job.state, job.waits_for_admission) for key, job in jobs.by_key().items()}
    assert (kept, len(server.requests)) == ([], 3)
    assert states["inbox/2.png"] == (JobState.RECEIVED, True)
    assert states["inbox-urgent/now.png"] == (JobState.SUBMITTED, False)
    assert any("waits for admission" in line["message"] for line in lines)

    # Two outcomes later it is its turn.
    for number in (0, 1):
        done = jobs.by_key()[f"inbox/{number}.png"]
        JobsTableWriter(jobs_table).merge(
            JobRecord(job_id=done.job_id, state=JobState.COMPLETED, ended_at=utc_timestamp(datetime.now(UTC)))
        )
    waiting = jobs.by_key()["inbox/2.png"]
    submit.process(AttemptRequest(waiting.job_id, 1).to_message())
    assert jobs.by_key()["inbox/2.png"].state is JobState.SUBMITTED
