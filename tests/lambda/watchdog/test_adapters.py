"""The watchdog's adapters for DynamoDB, SQS and SNS, over HTTP."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_sqs.client import SQSClient

from async_endpoint.protocol import (
    JOBS_PARTITION_KEY,
    JobRecord,
    JobsTableWriter,
    JobState,
    utc_timestamp,
)
from tests.support.intake import NOW, WATCHDOG_ENVIRONMENT
from watchdog.adapters import AlarmTopic, JobsAndQueues, TableMemory, time_of
from watchdog.ports import ConcurrentRun, Memory, Work
from watchdog.settings import Settings

KEY = WATCHDOG_ENVIRONMENT["MEMORY_KEY"]
# A request may wait for 21600 seconds and be worked on for 721; its outcome is recorded within 600.
LONGEST = 21_600 + 721 + 600
MEMORY = Memory(
    looked_at=datetime(2027, 1, 15, 8, 0, tzinfo=UTC),
    busy_at=datetime(2027, 1, 15, 7, 30, tzinfo=UTC),
    instances=2,
    changed_at="2027-01-15T07:00:00.000Z",
    outcomes={"COMPLETED": "2027-01-15T06:00:00.000Z"},
)


@pytest.fixture
def sqs(aws_url: str, session: boto3.Session) -> Iterator[SQSClient]:
    client = session.client("sqs", endpoint_url=aws_url)
    yield client
    client.close()


@pytest.fixture
def queues(sqs: SQSClient) -> list[str]:
    names = ("intake", "urgent", "results")
    return [sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex}")["QueueUrl"] for name in names]


@pytest.fixture
def traces(jobs_table: Table, sqs: SQSClient, queues: list[str]) -> JobsAndQueues:
    settings = Settings.from_environment(
        {
            **WATCHDOG_ENVIRONMENT,
            "INTAKE_QUEUE_URL": queues[0],
            "URGENT_QUEUE_URL": queues[1],
            "RESULTS_QUEUE_URL": queues[2],
        }
    )
    return JobsAndQueues(jobs_table, sqs, settings, lambda: NOW)


def record(jobs_table: Table, job_id: str, state: JobState, ago: float) -> str:
    """Records a job that reached its state `ago` seconds ago; returns the time in the format of the table."""
    moment = utc_timestamp(datetime.fromtimestamp(NOW - ago, UTC))
    name = {JobState.RECEIVED: "received_at", JobState.SUBMITTED: "submitted_at"}.get(state, "ended_at")
    JobsTableWriter(jobs_table).merge(JobRecord.from_item({"job_id": job_id, "state": state, name: moment}))
    return moment


def test_in_an_empty_table_and_empty_queues_there_is_no_trace_of_work(traces: JobsAndQueues) -> None:
    assert traces.work() == Work()


def test_of_each_final_state_the_newest_job_counts(jobs_table: Table, traces: JobsAndQueues) -> None:
    record(jobs_table, "old", JobState.COMPLETED, 500)
    completed = record(jobs_table, "new", JobState.COMPLETED, 400)
    record(jobs_table, "older", JobState.COMPLETED, 600)
    failed = record(jobs_table, "failed", JobState.FAILED, 300)
    expired = record(jobs_table, "expired", JobState.EXPIRED, 900)

    assert traces.work() == Work(outcomes={"COMPLETED": completed, "FAILED": failed, "EXPIRED": expired})


@pytest.mark.parametrize("state", [JobState.RECEIVED, JobState.SUBMITTED])
def test_a_job_is_open_for_as_long_as_its_request_may_take(
    jobs_table: Table, traces: JobsAndQueues, state: JobState
) -> None:
    record(jobs_table, "lost", state, LONGEST + 1)
    assert traces.work().open_job is None

    record(jobs_table, "waiting", state, LONGEST)
    assert traces.work().open_job == "waiting"


@pytest.mark.parametrize("queue", [0, 1])
@pytest.mark.parametrize("kind", ["visible", "in flight", "delayed"])
def test_every_message_of_both_queues_counts(
    traces: JobsAndQueues, sqs: SQSClient, queues: list[str], queue: int, kind: str
) -> None:
    sqs.send_message(QueueUrl=queues[queue], MessageBody="a document", DelaySeconds=900 if kind == "delayed" else 0)
    if kind == "in flight":
        assert sqs.receive_message(QueueUrl=queues[queue])["Messages"]

    assert traces.work().messages == 1


def test_the_memory_is_what_was_put_and_no_job(jobs_table: Table, traces: JobsAndQueues) -> None:
    memories = TableMemory(jobs_table, KEY)
    assert memories.get() is None

    memories.put(MEMORY, after=None)
    assert memories.get() == MEMORY
    later = replace(
        MEMORY, looked_at=datetime(2027, 1, 15, 8, 5, tzinfo=UTC), notified_at=MEMORY.looked_at, outcomes={}
    )
    memories.put(later, after=MEMORY)
    assert memories.get() == later
    changing = replace(later, looked_at=datetime(2027, 1, 15, 8, 10, tzinfo=UTC), transition_since=later.looked_at)
    memories.put(changing, after=later)
    assert memories.get() == changing
    assert traces.work() == Work()
    assert jobs_table.item_count == 1


def test_a_memory_of_an_earlier_version_has_no_transition(jobs_table: Table) -> None:
    memories = TableMemory(jobs_table, KEY)
    memories.put(MEMORY, after=None)
    jobs_table.update_item(Key={JOBS_PARTITION_KEY: KEY}, UpdateExpression="REMOVE transition_since")

    assert memories.get() == MEMORY


@pytest.mark.parametrize("read", [None, replace(MEMORY, looked_at=datetime(2027, 1, 15, 7, 55, tzinfo=UTC))])
def test_a_memory_that_another_run_has_written_since_is_left_as_it_is(jobs_table: Table, read: Memory | None) -> None:
    memories = TableMemory(jobs_table, KEY)
    memories.put(MEMORY, after=None)

    with pytest.raises(ConcurrentRun, match="another run has written"):
        memories.put(replace(MEMORY, looked_at=datetime(2027, 1, 15, 8, 5, tzinfo=UTC)), after=read)

    assert memories.get() == MEMORY


def test_a_notification_reaches_the_topics_subscribers(
    aws_url: str, session: boto3.Session, sqs: SQSClient, queues: list[str]
) -> None:
    sns = session.client("sns", endpoint_url=aws_url)
    topic = sns.create_topic(Name=f"alarms-{uuid.uuid4().hex}")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=queues[0], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    AlarmTopic(sns, topic).publish("a subject", "a message")

    (received,) = sqs.receive_message(QueueUrl=queues[0], WaitTimeSeconds=2)["Messages"]
    body = json.loads(received["Body"])
    assert (body["Subject"], body["Message"]) == ("a subject", "a message")
    sns.close()


def test_the_time_is_the_scheduled_events() -> None:
    assert time_of({"source": "aws.events", "time": "2027-01-15T08:00:00Z"}) == datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_an_event_without_a_time_is_now() -> None:
    assert abs((datetime.now(UTC) - time_of({})).total_seconds()) < 5
