"""The functions as Lambda runs them: whole batches, against an S3, a DynamoDB and an endpoint that speak HTTP."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client

from async_endpoint.protocol import (
    InvocationRequest,
    JobRecord,
    JobState,
    JobTable,
    S3Location,
    build_success,
    job_id,
    test_notification,
)
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.intake import object_created


class Function(Protocol):
    """What conftest's `Function` is, which cannot be imported from here."""

    def work_on(self, *bodies: str) -> tuple[list[int], list[dict[str, Any]]]: ...


Load = Callable[[str], Function]
KEYS = ["inbox/plain.png", "inbox/with blanks.png", "inbox/領収書.png", "inbox/a+b.png", "inbox/100%41.png"]


@dataclass
class Inbox:
    """A versioned bucket."""

    bucket: str
    s3: S3Client

    def put(self, key: str, body: bytes = b"document", **more: Any) -> dict[str, Any]:
        """Put a document; answers its event."""
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)
        return object_created(key, bucket=self.bucket, version_id=answer.get("VersionId"), size=len(body))


@pytest.fixture
def inbox(s3: S3Client, bucket: str) -> Inbox:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Inbox(bucket, s3)


@pytest.fixture
def jobs(jobs_table: Table) -> Callable[[], dict[str, JobRecord]]:
    """All jobs of the table, by the document's key."""

    def read() -> dict[str, JobRecord]:
        records = [JobRecord.from_item(item) for item in jobs_table.scan(ConsistentRead=True)["Items"]]
        return {record.key or "": record for record in records}

    return read


def ids(lines: list[dict[str, Any]]) -> list[str | None]:
    return [line.get("job_id") for line in lines]


def test_documents_of_any_key_are_submitted_once_though_every_event_comes_twice(
    load: Load, inbox: Inbox, server: EndpointServer, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    events = [inbox.put(key, ContentType="image/png") for key in KEYS]
    submit = load("submit")

    kept, lines = submit.work_on(*[json.dumps(event) for event in [*events, *events]])

    assert kept == []
    assert [S3Location.parse(request.input_location or "").key for request in server.requests] == KEYS
    assert {key: record.state for key, record in jobs().items()} == dict.fromkeys(KEYS, JobState.SUBMITTED)
    versions = {event["detail"]["object"]["key"]: event["detail"]["object"]["version-id"] for event in events}
    for key, record in jobs().items():
        assert record.job_id == job_id(inbox.bucket, key, versions[key])
        assert record.output_location is not None
        answer = S3Location.parse(record.output_location)
        assert json.loads(inbox.s3.get_object(Bucket=answer.bucket, Key=answer.key)["Body"].read()) == {"bytes": 8}
    assert ids(lines) == [jobs()[key].job_id for key in [*KEYS, *KEYS]]


def test_a_bad_message_is_kept_and_holds_up_no_other(
    load: Load, inbox: Inbox, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    gone = inbox.put("inbox/gone.png")
    inbox.s3.delete_object(Bucket=inbox.bucket, Key="inbox/gone.png")
    batch = [
        "no JSON",
        json.dumps(inbox.put("inbox/empty.png", b"")),
        json.dumps(inbox.put("inbox/folder/", b"")),
        json.dumps(gone),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        json.dumps(inbox.put("inbox/good.png")),
    ]

    kept, lines = load("submit").work_on(*batch)

    assert kept == [0, 4]
    reasons = {key.removeprefix("inbox/"): (record.state.value, record.reason) for key, record in jobs().items()}
    place = f"The object s3://{inbox.bucket}/inbox"
    assert reasons == {
        "empty.png": ("FAILED", f"{place}/empty.png is empty (0 bytes)."),
        "folder/": ("FAILED", f"{place}/folder/ is a folder marker, not a document."),
        "gone.png": ("FAILED", f"{place}/gone.png was deleted before it was read."),
        "good.png": ("SUBMITTED", None),
    }
    assert len(lines) == len(batch)
    assert [line["message_id"] for line in lines] == [str(index) for index in range(len(batch))]
    assert [line["level"] for line in lines] == ["WARNING", "INFO", "INFO", "INFO", "WARNING", "INFO"]
    assert all("exception" not in line for line in lines)


def test_an_event_without_a_version_gets_it_from_s3(
    load: Load, inbox: Inbox, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    event = inbox.put("inbox/a.png")
    version = event["detail"]["object"].pop("version-id")

    load("submit").work_on(json.dumps(event))

    assert jobs()["inbox/a.png"].version == version


def test_events_are_read_as_eventbridge_puts_them_into_the_queue(
    load: Load, inbox: Inbox, aws_url: str, session: boto3.Session, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    sqs, events = session.client("sqs", endpoint_url=aws_url), session.client("events", endpoint_url=aws_url)
    queue = sqs.create_queue(QueueName=inbox.bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [inbox.bucket]}}}
    events.put_rule(Name=inbox.bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=inbox.bucket, Targets=[{"Id": "queue", "Arn": arn}])
    inbox.s3.put_bucket_notification_configuration(
        Bucket=inbox.bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for key in KEYS:
        inbox.put(key)
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)["Messages"]

    kept, _ = load("submit").work_on(*[message["Body"] for message in messages])

    assert kept == []
    assert {key: record.state for key, record in jobs().items()} == dict.fromkeys(KEYS, JobState.SUBMITTED)
    sqs.close()
    events.close()


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((400, "ValidationError", "Endpoint receipts of account 1 not found."), "ValidationError: Endpoint receipts"),
        ((429, "ThrottlingException", "Rate exceeded"), "ThrottlingException: Rate exceeded"),
    ],
)
def test_an_endpoint_that_does_not_take_requests_keeps_the_message_for_the_next_try(
    load: Load,
    inbox: Inbox,
    server: EndpointServer,
    jobs: Callable[[], dict[str, JobRecord]],
    refusal: tuple[int, str, str],
    said: str,
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    submit = load("submit")
    server.refusals = [refusal]

    kept, (line,) = submit.work_on(message)
    assert kept == [0]
    assert line["message"].startswith(f"The endpoint receipts does not take the request: {said}")
    assert line["job_id"] == jobs()["inbox/a.png"].job_id

    assert submit.work_on(message)[0] == []
    assert jobs()["inbox/a.png"].state is JobState.SUBMITTED


@pytest.mark.parametrize("refusal", [(500, "InternalFailure", "oops"), (503, "ServiceUnavailable", "later")])
def test_a_request_that_may_have_been_taken_is_not_made_again_while_its_claim_lasts(
    load: Load,
    inbox: Inbox,
    server: EndpointServer,
    jobs: Callable[[], dict[str, JobRecord]],
    refusal: tuple[int, str, str],
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    submit = load("submit")
    server.refusals = [refusal]

    kept, (line,) = submit.work_on(message)
    assert kept == [0]
    assert line["message"] == f"The endpoint receipts failed: {refusal[1]}: {refusal[2]} The message is kept."

    assert submit.work_on(message)[0] == [0]
    assert jobs()["inbox/a.png"].state is JobState.RECEIVED


def test_a_request_that_sagemaker_finds_fault_with_fails_in_its_words(
    load: Load, inbox: Inbox, server: EndpointServer, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    refusal = "1 validation error detected: Value 's3://x' at 'inputLocation' failed to satisfy constraint: …"
    server.refusals = [(400, "ValidationError", refusal)]

    kept, _ = load("submit").work_on(json.dumps(inbox.put("inbox/a.png")))

    record = jobs()["inbox/a.png"]
    assert (kept, record.state, record.reason) == ([], JobState.FAILED, f"SageMaker refuses the request: {refusal}")


def test_an_endpoint_that_is_not_there_keeps_the_message(
    load: Load, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://localhost:9")

    kept, (line,) = load("submit").work_on(message)

    assert kept == [0]
    assert "cannot be reached" in line["message"]


def test_what_nobody_thought_of_is_kept_with_its_traceback(
    load: Load, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    monkeypatch.setenv("JOBS_TABLE", "no-such-table")

    kept, (line,) = load("submit").work_on(message)

    assert kept == [0]
    assert line["exception_name"] == "ResourceNotFoundException"
    assert line["job_id"]


def success(request: InvocationRequest, place: str) -> str:
    """What the record function gets when a request was answered."""
    moment = datetime(2027, 1, 15, 8, 3, tzinfo=UTC)
    message = build_success(
        inference_id=request.inference_id or "",
        endpoint_name=request.endpoint_name,
        input_location=request.input_location,
        output_location=place,
        region="ap-northeast-1",
        received_time=moment,
        event_time=moment,
    )
    return json.dumps({"Type": "Notification", "Message": json.dumps(message)})


def test_outcomes_of_the_inbox_and_of_clients_are_recorded_and_bad_messages_hold_up_no_other(
    load: Load, inbox: Inbox, server: EndpointServer, jobs_table: Table, jobs: Callable[[], dict[str, JobRecord]]
) -> None:
    submit, record = load("submit"), load("record")
    submit.work_on(json.dumps(inbox.put("inbox/a.png")))
    (request,) = server.requests
    early = InvocationRequest(endpoint_name="receipts", input_location="s3://other/doc", inference_id="a-client-s-own")

    kept, lines = record.work_on(
        success(request, "s3://outputs/1.out"),
        "no JSON",
        json.dumps({"Type": "Notification", "Message": json.dumps(test_notification())}),
        success(early, "s3://outputs/2.out"),
        success(request, "s3://outputs/1.out"),
        json.dumps({"some": "thing"}),
    )

    assert kept == [1, 5]
    assert {key: (job.state, job.outcome_location) for key, job in jobs().items()} == {
        "inbox/a.png": (JobState.COMPLETED, "s3://outputs/1.out"),
        "doc": (JobState.COMPLETED, "s3://outputs/2.out"),
    }
    assert ids(lines) == [request.inference_id, None, "a-client-s-own", request.inference_id, None]
    assert JobTable(jobs_table).get("a-client-s-own") == jobs()["doc"]
