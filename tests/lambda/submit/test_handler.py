"""The submit function with whole batches, against S3, DynamoDB and an endpoint over HTTP."""

import json
from collections.abc import Callable
from http import HTTPStatus

import boto3
import pytest

from async_endpoint.protocol import JobState, S3Location, job_id
from tests.emulator.fakes import eventually
from tests.support.endpoint_fixtures import EndpointServer
from tests.support.functions import Function, RecordedJobs, VersionedInbox

Load = Callable[[str], Function]
KEYS = [
    *("inbox/plain.png", "inbox/with blanks.png", "inbox/領収書.png", "inbox/a+b.png", "inbox/100%41.png"),
    *("inbox/trailing blank ", "inbox/line\nbreak.png", "inbox/what?versionId=1#.png"),
]


def test_documents_of_any_key_are_submitted_once_though_every_event_comes_twice(
    load: Load, inbox: VersionedInbox, server: EndpointServer, jobs: RecordedJobs
) -> None:
    events = [inbox.put(key, key.encode(), ContentType="image/png") for key in KEYS]
    submit = load("submit")

    kept, lines = submit.process(*[json.dumps(event) for event in [*events, *events]])

    assert kept == []
    pinned = [S3Location.from_uri(request.input_location or "") for request in server.requests]
    assert [inbox.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read() for place in pinned] == [
        key.encode() for key in KEYS
    ]
    assert {key: record.state for key, record in jobs.by_key().items()} == dict.fromkeys(KEYS, JobState.SUBMITTED)
    versions = {event["detail"]["object"]["key"]: event["detail"]["object"]["version-id"] for event in events}
    for key, record in jobs.by_key().items():
        assert record.job_id == job_id(inbox.bucket, key, versions[key])
        assert record.output_location is not None
        answer = S3Location.from_uri(record.output_location)
        result = json.loads(inbox.s3.get_object(Bucket=answer.bucket, Key=answer.key)["Body"].read())
        assert result == {"bytes": len(key.encode())}
    assert [line.get("job_id") for line in lines] == [jobs.by_key()[key].job_id for key in [*KEYS, *KEYS]]


def test_a_bad_message_is_kept_and_holds_up_no_other(load: Load, inbox: VersionedInbox, jobs: RecordedJobs) -> None:
    gone = inbox.put("inbox/gone.png")
    inbox.s3.delete_object(Bucket=inbox.bucket, Key="inbox/gone.png")
    batch = [
        "no JSON",
        json.dumps(inbox.put("inbox/empty.png", b"")),
        json.dumps(inbox.put("inbox/folder/", b"")),
        json.dumps(gone),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        json.dumps(inbox.put("inbox/form.jpg", ContentType="multipart/form-data; boundary=b")),
        json.dumps(inbox.put("inbox/packed.jpg", ContentEncoding="gzip")),
        json.dumps(inbox.put("inbox/good.png")),
    ]

    kept, lines = load("submit").process(*batch)

    assert kept == [0, 4]
    reasons = {key.removeprefix("inbox/"): (record.state.value, record.reason) for key, record in jobs.by_key().items()}
    place = f"The object s3://{inbox.bucket}/inbox"
    assert reasons == {
        "empty.png": ("FAILED", f"{place}/empty.png is empty (0 bytes)."),
        "folder/": ("FAILED", f"{place}/folder/ is a folder marker, not a document."),
        "gone.png": ("FAILED", f"{place}/gone.png was deleted before it was processed."),
        "form.jpg": (
            "FAILED",
            f"{place}/form.jpg was uploaded as a form (multipart/form-data): PUT the file itself.",
        ),
        "packed.jpg": (
            "FAILED",
            (
                f"{place}/packed.jpg was uploaded with Content-Encoding gzip: PUT the file uncompressed, "
                "without Content-Encoding."
            ),
        ),
        "good.png": ("SUBMITTED", None),
    }
    assert len(lines) == len(batch)
    assert [line["message_id"] for line in lines] == [str(index) for index in range(len(batch))]
    assert [line["level"] for line in lines] == ["WARNING", "INFO", "INFO", "INFO", "WARNING", "INFO", "INFO", "INFO"]
    assert all("exception" not in line for line in lines)


def test_the_uploaded_version_is_processed_though_it_was_overwritten_and_tagged(
    load: Load, inbox: VersionedInbox, server: EndpointServer
) -> None:
    first = inbox.put("inbox/a.png", b"first", Tagging="kind=receipt")
    second = inbox.put("inbox/a.png", b"second")

    kept, _ = load("submit").process(json.dumps(second), json.dumps(first))

    assert kept == []
    pinned = [S3Location.from_uri(request.input_location or "") for request in server.requests]
    read = [inbox.s3.get_object(Bucket=place.bucket, Key=place.key) for place in pinned]
    assert [each["Body"].read() for each in read] == [b"second", b"first"]
    assert all("TagCount" not in each for each in read)


def test_a_bucket_without_versions_is_copied_from_by_its_etag(
    load: Load, inbox: VersionedInbox, server: EndpointServer, jobs: RecordedJobs
) -> None:
    inbox.s3.put_bucket_versioning(Bucket=inbox.bucket, VersioningConfiguration={"Status": "Suspended"})
    event = inbox.put("inbox/kept.png", b"kept")

    kept, _ = load("submit").process(json.dumps(event))

    (request,) = server.requests
    assert (kept, request.input_location) == ([], f"s3://{inbox.bucket}/pinned/{request.inference_id}/kept.png")
    assert jobs.by_key()["inbox/kept.png"].overwritable


def test_an_event_without_a_version_gets_it_from_s3(load: Load, inbox: VersionedInbox, jobs: RecordedJobs) -> None:
    event = inbox.put("inbox/a.png")
    version = event["detail"]["object"].pop("version-id")

    load("submit").process(json.dumps(event))

    assert jobs.by_key()["inbox/a.png"].version == version


def test_events_are_read_as_eventbridge_puts_them_into_the_queue(
    load: Load, inbox: VersionedInbox, aws_url: str, session: boto3.Session, jobs: RecordedJobs
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
    events_received: list[str] = []

    def all_came() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        events_received.extend(message["Body"] for message in messages)
        return len(events_received) >= len(KEYS)

    eventually(all_came, f"{len(KEYS)} events")  # each is on its way for itself

    kept, _ = load("submit").process(*events_received)

    assert kept == []
    assert {key: record.state for key, record in jobs.by_key().items()} == dict.fromkeys(KEYS, JobState.SUBMITTED)
    sqs.close()
    events.close()


@pytest.mark.parametrize(
    ("rejection", "said"),
    [
        (
            (HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 1 not found."),
            "ValidationError: Endpoint receipts",
        ),
        ((HTTPStatus.TOO_MANY_REQUESTS, "ThrottlingException", "Rate exceeded"), "ThrottlingException: Rate exceeded"),
    ],
)
def test_a_message_is_retried_while_the_endpoint_does_not_accept_requests(
    load: Load,
    inbox: VersionedInbox,
    server: EndpointServer,
    jobs: RecordedJobs,
    rejection: tuple[int, str, str],
    said: str,
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    submit = load("submit")
    server.rejections = [rejection]

    kept, (line,) = submit.process(message)
    assert kept == [0]
    assert line["message"].startswith(f"The endpoint receipts does not accept the request: {said}")
    assert line["job_id"] == jobs.by_key()["inbox/a.png"].job_id

    assert submit.process(message)[0] == []
    assert jobs.by_key()["inbox/a.png"].state is JobState.SUBMITTED


@pytest.mark.parametrize(
    "rejection",
    [
        (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", "oops"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "later"),
    ],
)
def test_a_request_that_may_have_been_accepted_is_not_repeated_while_its_claim_lasts(
    load: Load,
    inbox: VersionedInbox,
    server: EndpointServer,
    jobs: RecordedJobs,
    rejection: tuple[int, str, str],
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    submit = load("submit")
    server.rejections = [rejection]

    kept, (line,) = submit.process(message)
    assert kept == [0]
    assert (
        line["message"]
        == f"The endpoint receipts failed: {rejection[1]}: {rejection[2]} The message stays in the queue."
    )

    assert submit.process(message)[0] == [0]
    assert jobs.by_key()["inbox/a.png"].state is JobState.RECEIVED


def test_an_invalid_request_fails_with_the_message_of_sagemaker(
    load: Load, inbox: VersionedInbox, server: EndpointServer, jobs: RecordedJobs
) -> None:
    rejection = "1 validation error detected: Value 's3://x' at 'inputLocation' failed to satisfy constraint: …"
    server.rejections = [(HTTPStatus.BAD_REQUEST, "ValidationError", rejection)]

    kept, _ = load("submit").process(json.dumps(inbox.put("inbox/a.png")))

    record = jobs.by_key()["inbox/a.png"]
    assert (kept, record.state, record.reason) == ([], JobState.FAILED, f"SageMaker rejects the request: {rejection}")


def test_an_unreachable_endpoint_keeps_the_message(
    load: Load, inbox: VersionedInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://localhost:9")

    kept, (line,) = load("submit").process(message)

    assert kept == [0]
    assert "cannot be reached" in line["message"]


def test_an_unexpected_error_keeps_the_message_and_logs_the_traceback(
    load: Load, inbox: VersionedInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = json.dumps(inbox.put("inbox/a.png"))
    monkeypatch.setenv("JOBS_TABLE", "no-such-table")

    kept, (line,) = load("submit").process(message)

    assert kept == [0]
    assert line["exception_name"] == "ResourceNotFoundException"
    assert line["job_id"]
