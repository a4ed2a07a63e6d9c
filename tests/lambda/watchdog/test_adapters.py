"""What the watchdog reads and writes, against a DynamoDB, an SQS and an SNS over HTTP, and in SageMaker's words."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_sqs.client import SQSClient

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JobRecord,
    JobState,
    JobTable,
    utc_timestamp,
)
from tests.support.intake import NOW, WATCHDOG_ENVIRONMENT
from watchdog.adapters import AlarmTopic, JobsAndQueues, SageMakerEndpoint, TableMemory, moment_of
from watchdog.ports import Fleet, LookedMeanwhile, Memory, StopRefused, Work
from watchdog.settings import Settings

KEY = WATCHDOG_ENVIRONMENT["MEMORY_KEY"]
# A request may wait for 21600 seconds and be worked on for 841; its outcome is recorded within 600.
LONGEST = 21_600 + 841 + 600
MEMORY = Memory(
    looked_at=datetime(2027, 1, 15, 8, 0, tzinfo=UTC),
    busy_at=datetime(2027, 1, 15, 7, 30, tzinfo=UTC),
    instances=2,
    changed_at="2027-01-15T07:00:00.000Z",
    outcomes={"COMPLETED": "2027-01-15T06:00:00.000Z"},
)


@pytest.fixture
def table(aws_url: str, session: boto3.Session) -> Iterator[Table]:
    """A jobs table with its index."""
    resource = session.resource("dynamodb", endpoint_url=aws_url)
    names = (JOBS_PARTITION_KEY, JOBS_BY_STATE_PARTITION_KEY, JOBS_BY_STATE_SORT_KEY)
    yield resource.create_table(
        TableName=f"jobs-{uuid.uuid4().hex}",
        KeySchema=[{"AttributeName": JOBS_PARTITION_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        GlobalSecondaryIndexes=[
            {
                "IndexName": JOBS_BY_STATE_INDEX,
                "KeySchema": [
                    {"AttributeName": JOBS_BY_STATE_PARTITION_KEY, "KeyType": "HASH"},
                    {"AttributeName": JOBS_BY_STATE_SORT_KEY, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    resource.meta.client.close()


@pytest.fixture
def sqs(aws_url: str, session: boto3.Session) -> Iterator[SQSClient]:
    client = session.client("sqs", endpoint_url=aws_url)
    yield client
    client.close()


@pytest.fixture
def queues(sqs: SQSClient) -> tuple[str, str]:
    made = [sqs.create_queue(QueueName=f"{name}-{uuid.uuid4().hex}")["QueueUrl"] for name in ("intake", "results")]
    return made[0], made[1]


@pytest.fixture
def traces(table: Table, sqs: SQSClient, queues: tuple[str, str]) -> JobsAndQueues:
    settings = Settings.from_environment(
        {**WATCHDOG_ENVIRONMENT, "INTAKE_QUEUE_URL": queues[0], "RESULTS_QUEUE_URL": queues[1]}
    )
    return JobsAndQueues(table, sqs, settings, lambda: NOW)


def record(table: Table, job_id: str, state: JobState, ago: float) -> str:
    """Put a job that reached its state so many seconds ago; returns the time as the table has it."""
    moment = utc_timestamp(datetime.fromtimestamp(NOW - ago, UTC))
    name = {JobState.RECEIVED: "received_at", JobState.SUBMITTED: "submitted_at"}.get(state, "ended_at")
    JobTable(table).merge(JobRecord.from_item({"job_id": job_id, "state": state, name: moment}))
    return moment


def test_in_an_empty_table_and_empty_queues_there_is_no_trace_of_work(traces: JobsAndQueues) -> None:
    assert traces.work() == Work()


def test_of_each_final_state_the_newest_job_counts(table: Table, traces: JobsAndQueues) -> None:
    record(table, "old", JobState.COMPLETED, 500)
    completed = record(table, "new", JobState.COMPLETED, 400)
    record(table, "older", JobState.COMPLETED, 600)
    failed = record(table, "failed", JobState.FAILED, 300)
    expired = record(table, "expired", JobState.EXPIRED, 900)

    assert traces.work() == Work(outcomes={"COMPLETED": completed, "FAILED": failed, "EXPIRED": expired})


@pytest.mark.parametrize("state", [JobState.RECEIVED, JobState.SUBMITTED])
def test_a_job_is_open_for_as_long_as_its_request_may_take(
    table: Table, traces: JobsAndQueues, state: JobState
) -> None:
    record(table, "lost", state, LONGEST + 1)
    assert traces.work().open_job is None

    record(table, "waiting", state, LONGEST)
    assert traces.work().open_job == "waiting"


@pytest.mark.parametrize("queue", [0, 1])
@pytest.mark.parametrize("kind", ["visible", "in flight", "delayed"])
def test_every_message_of_both_queues_counts(
    traces: JobsAndQueues, sqs: SQSClient, queues: tuple[str, str], queue: int, kind: str
) -> None:
    sqs.send_message(QueueUrl=queues[queue], MessageBody="a document", DelaySeconds=900 if kind == "delayed" else 0)
    if kind == "in flight":
        assert sqs.receive_message(QueueUrl=queues[queue])["Messages"]

    assert traces.work().messages == 1


def test_the_memory_is_what_was_put_and_no_job(table: Table, traces: JobsAndQueues) -> None:
    memories = TableMemory(table, KEY)
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
    assert table.item_count == 1


def test_a_memory_of_an_earlier_version_has_no_transition(table: Table) -> None:
    memories = TableMemory(table, KEY)
    memories.put(MEMORY, after=None)
    table.update_item(Key={JOBS_PARTITION_KEY: KEY}, UpdateExpression="REMOVE transition_since")

    assert memories.get() == MEMORY


@pytest.mark.parametrize("read", [None, replace(MEMORY, looked_at=datetime(2027, 1, 15, 7, 55, tzinfo=UTC))])
def test_a_memory_that_another_run_has_written_since_is_left_as_it_is(table: Table, read: Memory | None) -> None:
    memories = TableMemory(table, KEY)
    memories.put(MEMORY, after=None)

    with pytest.raises(LookedMeanwhile, match="another run has written"):
        memories.put(replace(MEMORY, looked_at=datetime(2027, 1, 15, 8, 5, tzinfo=UTC)), after=read)

    assert memories.get() == MEMORY


def test_a_notification_reaches_the_topics_subscribers(
    aws_url: str, session: boto3.Session, sqs: SQSClient, queues: tuple[str, str]
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


class Sage:
    """SageMaker and Application Auto Scaling, whose answers are given beforehand."""

    def __init__(self, session: boto3.Session) -> None:
        sagemaker, scaling = session.client("sagemaker"), session.client("application-autoscaling")
        self.sagemaker, self.scaling = Stubber(sagemaker), Stubber(scaling)
        self.clients = (sagemaker, scaling)
        self.endpoint = SageMakerEndpoint(sagemaker, scaling, name="receipts", variant="AllTraffic")

    def describes(self, status: str, instances: int) -> None:
        moment = datetime(2027, 1, 15, 7, 0, tzinfo=UTC)
        answer = {
            "EndpointName": "receipts",
            "EndpointArn": "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts",
            "EndpointStatus": status,
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": instances}],
        }
        self.sagemaker.add_response("describe_endpoint", answer, {"EndpointName": "receipts"})

    def has_target(self, *, minimum: int | None, suspended: bool = False) -> None:
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/receipts/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        more = {
            "MinCapacity": minimum,
            "MaxCapacity": 4,
            "RoleARN": "arn:aws:iam::111122223333:role/scaling",
            "CreationTime": datetime(2027, 1, 15, 7, 0, tzinfo=UTC),
            "SuspendedState": {"DynamicScalingInSuspended": suspended},
        }
        found = [] if minimum is None else [{**target, **more}]
        asked = {
            "ServiceNamespace": "sagemaker",
            "ResourceIds": [target["ResourceId"]],
            "ScalableDimension": target["ScalableDimension"],
        }
        self.scaling.add_response("describe_scalable_targets", {"ScalableTargets": found}, asked)


@pytest.fixture
def sage(session: boto3.Session) -> Iterator[Sage]:
    made = Sage(session)
    with made.sagemaker, made.scaling:
        yield made
        made.sagemaker.assert_no_pending_responses()
        made.scaling.assert_no_pending_responses()
    for client in made.clients:
        client.close()


@pytest.mark.parametrize(("minimum", "suspended"), [(0, False), (1, True), (None, False)])
def test_the_fleet_is_the_endpoints_and_its_minimum_the_targets(
    sage: Sage,
    minimum: int | None,
    suspended: bool,  # noqa: FBT001 - a parameter
) -> None:
    sage.describes("InService", 2)
    sage.has_target(minimum=minimum, suspended=suspended)

    assert sage.endpoint.fleet() == Fleet(
        status="InService",
        instances=2,
        changed_at="2027-01-15T07:00:00.000Z",
        minimum=minimum,
        suspended=suspended,
    )


def test_an_endpoint_that_is_not_there_has_no_status(sage: Sage) -> None:
    said = 'Could not find endpoint "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts".'
    sage.sagemaker.add_client_error("describe_endpoint", "ValidationException", said)

    assert sage.endpoint.fleet() == Fleet(status=None)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_an_endpoint_that_cannot_be_described_is_an_error(sage: Sage, code: str) -> None:
    sage.sagemaker.add_client_error("describe_endpoint", code, "no")

    with pytest.raises(ClientError, match=code):
        sage.endpoint.fleet()


STOP = {
    "EndpointName": "receipts",
    "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}],
}


def test_stopping_sets_the_variants_count(sage: Sage) -> None:
    arn = "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts"
    sage.sagemaker.add_response("update_endpoint_weights_and_capacities", {"EndpointArn": arn}, STOP)

    sage.endpoint.stop(1)


def test_an_update_under_way_refuses_the_stop_in_sagemakers_words(sage: Sage) -> None:
    said = 'Cannot update in-progress endpoint "receipts".'
    sage.sagemaker.add_client_error(
        "update_endpoint_weights_and_capacities", "ValidationException", said, expected_params=STOP
    )

    with pytest.raises(StopRefused, match="Cannot update in-progress endpoint"):
        sage.endpoint.stop(1)


def test_a_stop_that_the_role_does_not_allow_is_an_error(sage: Sage) -> None:
    sage.sagemaker.add_client_error("update_endpoint_weights_and_capacities", "AccessDeniedException", "no")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        sage.endpoint.stop(1)


def test_the_time_is_the_scheduled_events() -> None:
    assert moment_of({"source": "aws.events", "time": "2027-01-15T08:00:00Z"}) == datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_an_event_without_a_time_is_now() -> None:
    assert abs((datetime.now(UTC) - moment_of({})).total_seconds()) < 5
