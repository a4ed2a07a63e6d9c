"""What is not a document that SageMaker takes is never submitted: its job is recorded as failed, with the reason."""

from typing import Any

import pytest

from async_endpoint.protocol import JobState
from submit.events import NotAnUpload
from submit.ports import DocumentRejected, Head
from tests.support.intake import Intake, object_created


@pytest.mark.parametrize(
    ("key", "size", "reason"),
    [
        ("inbox/empty.png", 0, "The object s3://inputs/inbox/empty.png is empty (0 bytes)."),
        ("inbox/folder/", 0, "The object s3://inputs/inbox/folder/ is a folder marker, not a document."),
        ("inbox/gone.png", 9, "The object s3://inputs/inbox/gone.png was deleted before it was processed."),
    ],
)
@pytest.mark.parametrize("version_id", ["v1", None])
def test_an_invalid_document_is_recorded_as_failed_and_never_submitted(
    intake: Intake, key: str, size: int, reason: str, version_id: str | None
) -> None:
    said = intake.deliver(object_created(key, size=size, version_id=version_id))

    assert intake.endpoint.requests == []
    assert (intake.job.state, intake.job.reason, intake.job.key) == (JobState.FAILED, reason, key)
    assert intake.job.ended_at == "2027-01-15T08:00:00.000Z"
    assert said == f"{reason} The job is recorded as FAILED."


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "fault"),
    [
        (
            "multipart/form-data; boundary=----b",
            None,
            "was uploaded as a form (multipart/form-data): PUT the file itself",
        ),
        (
            "application/x-www-form-urlencoded",
            None,
            "was uploaded as a form (application/x-www-form-urlencoded): PUT it with the document's own content type",
        ),
        (
            "image/jpeg",
            "gzip",
            "was uploaded with Content-Encoding gzip: PUT the file uncompressed, without Content-Encoding",
        ),
        (
            "application/pdf",
            "aws-chunked, BR",
            "was uploaded with Content-Encoding br: PUT the file uncompressed, without Content-Encoding",
        ),
    ],
)
def test_a_document_uploaded_in_a_way_that_changes_its_bytes_is_recorded_as_failed(
    intake: Intake, content_type: str, content_encoding: str | None, fault: str
) -> None:
    intake.inbox.objects["inbox/a.jpg"] = Head("v1", '"etag-of-9"', content_type, content_encoding)

    intake.deliver(object_created("inbox/a.jpg"))

    assert intake.endpoint.requests == []
    assert intake.job.state is JobState.FAILED
    assert intake.job.reason == f"The object s3://inputs/inbox/a.jpg {fault}."


@pytest.mark.parametrize("content_encoding", ["", "aws-chunked", "identity", "utf-8"])
def test_a_content_encoding_that_leaves_the_bytes_as_they_are_is_no_fault(
    intake: Intake, content_encoding: str
) -> None:
    intake.inbox.objects["inbox/a.jpg"] = Head("v1", '"etag-of-9"', "image/jpeg", content_encoding)

    intake.deliver(object_created("inbox/a.jpg"))

    assert [request.content_type for request in intake.endpoint.requests] == ["image/jpeg"]


def test_an_overwritten_document_fails_if_its_version_was_deleted(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id="v2")

    intake.deliver(object_created("inbox/a.png", version_id="v1"))

    assert intake.endpoint.requests == []
    assert intake.job.reason == (
        "The object s3://inputs/inbox/a.png was overwritten, and its version deleted, before it was processed."
    )


def test_an_overwritten_document_fails_in_a_bucket_without_versions(intake: Intake) -> None:
    event = object_created("inbox/a.png", version_id="null", size=7)
    intake.put("inbox/a.png", version_id=None)

    intake.deliver(event)

    assert intake.endpoint.requests == []
    assert intake.job.reason == (
        "The object s3://inputs/inbox/a.png was overwritten before it was processed, and its bucket has no versions: "
        "turn on versioning, or use a new key for each document."
    )


def test_a_document_deleted_between_its_head_and_its_copy_fails(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.inbox.before_copy = intake.inbox.objects.clear

    intake.deliver(object_created("inbox/a.png"))

    assert intake.endpoint.requests == []
    assert intake.job.reason == "The object s3://inputs/inbox/a.png was deleted or overwritten before it was processed."


@pytest.mark.parametrize(("size", "submitted"), [(1024**3, 1), (1024**3 + 1, 0)])
def test_a_document_larger_than_sagemaker_takes_fails(intake: Intake, size: int, submitted: int) -> None:
    intake.inbox.objects["inbox/a.tiff"] = Head("v1", '"etag"', "image/tiff", size=size)

    intake.deliver(object_created("inbox/a.tiff", size=size))

    assert len(intake.endpoint.requests) == len(intake.inbox.copies) == submitted
    assert intake.job.reason == (
        None
        if submitted
        else "The object s3://inputs/inbox/a.tiff has 1073741825 bytes: SageMaker takes at most 1073741824 (1 GB)."
    )


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("no JSON {", r"is not JSON \(.*\): it begins 'no JSON \{'"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "is a JSON list, not an object"),
        ("{}", "an object with the members none"),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, "S3's own message to SQS, whose keys are URL-encoded"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "S3's own message to SQS, whose keys are URL-encoded"),
        ({"Type": "Notification", "Message": "{}"}, "a message of SNS"),
        ({**object_created("a"), "detail-type": "Object Deleted"}, "'Object Deleted' of 'aws.s3'"),
        ({**object_created("a"), "detail": {"bucket": {"name": "b"}}}, r"is invalid \(KeyError: 'object'\)"),
        ({**object_created("a"), "detail": []}, "is invalid"),
        ({**object_created("a"), "time": "yesterday"}, "is invalid"),
        (object_created(""), "is invalid"),
    ],
)
def test_a_message_that_is_not_an_upload_is_described(intake: Intake, message: dict[str, Any] | str, what: str) -> None:
    with pytest.raises(NotAnUpload, match=what):
        intake.deliver(message)

    assert intake.table.items == {}


def test_a_rejection_of_the_request_itself_is_the_reason_of_its_failure(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.rejections = [DocumentRejected("SageMaker rejects the request: no.")]

    intake.deliver(object_created("inbox/a.png"))

    assert (intake.job.state, intake.job.reason) == (JobState.FAILED, "SageMaker rejects the request: no.")
