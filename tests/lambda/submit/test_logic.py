"""Each document of the inbox becomes one request, or one recorded reason why not, or its message is kept."""

from datetime import UTC, datetime
from typing import Any

import pytest

from async_endpoint.protocol import JobRecord, JobState, Notification, S3Location, ended, job_id
from submit.events import NotAnUpload
from submit.media_types import content_type_of
from submit.ports import AnswerUnknown, MessageKept, Rejected
from submit.settings import Settings, SettingsError
from tests.support.intake import NOW, SUBMIT_ENVIRONMENT, Intake, object_created


def test_a_document_is_submitted_under_its_id_and_recorded_with_the_locations_of_the_answer(intake: Intake) -> None:
    intake.put("inbox/a.png")

    said = intake.deliver(object_created("inbox/a.png"))

    (request,) = intake.endpoint.requests
    assert request.inference_id == job_id("inputs", "inbox/a.png", "v1")
    assert (request.endpoint_name, request.content_type) == ("receipts", "image/png")
    assert (request.request_ttl_seconds, request.invocation_timeout_seconds) == (3600, 60)
    assert said == "s3://inputs/inbox/a.png is submitted; its answer will be s3://outputs/results/1.out."
    assert intake.job == JobRecord(
        job_id=request.inference_id,
        state=JobState.SUBMITTED,
        bucket="inputs",
        key="inbox/a.png",
        version="v1",
        content_type="image/png",
        input_location="s3://inputs/inbox/a.png",
        received_at="2027-01-15T08:00:00.000Z",
        submitted_at="2027-01-15T08:00:00.000Z",
        output_location="s3://outputs/results/1.out",
        failure_location="s3://outputs/failures/1-error.out",
        claimed_until=int(NOW) + 120,
        expires_at=int(NOW) + 30 * 86_400,
    )


@pytest.mark.parametrize(
    "key",
    [
        "inbox/with blanks.png",
        "inbox/領収書.png",
        "inbox/a+b.png",
        "inbox/100%.png",
        "inbox/a%2Bb+c d.png",
        "inbox/é ü ",
    ],
)
def test_any_key_reaches_the_endpoint_as_itself(intake: Intake, key: str) -> None:
    intake.put(key)

    intake.deliver(object_created(key))

    (request,) = intake.endpoint.requests
    assert request.input_location is not None
    assert S3Location.parse(request.input_location) == S3Location("inputs", key)
    assert request.inference_id == job_id("inputs", key, "v1")
    assert intake.job.key == key


def test_a_key_too_long_for_its_header_fails_in_the_words_of_aws(intake: Intake) -> None:
    key = "inbox/" + "領" * 300
    intake.put(key)

    intake.deliver(object_created(key))

    assert intake.endpoint.requests == []
    assert intake.job.state is JobState.FAILED
    assert "Member must have length less than or equal to 1024" in (intake.job.reason or "")


@pytest.mark.parametrize(
    ("key", "size", "reason"),
    [
        ("inbox/empty.png", 0, "The object s3://inputs/inbox/empty.png is empty (0 bytes)."),
        ("inbox/folder/", 0, "The object s3://inputs/inbox/folder/ is a folder marker, not a document."),
        ("inbox/gone.png", 9, "The object s3://inputs/inbox/gone.png was deleted before it was read."),
    ],
)
@pytest.mark.parametrize("version_id", ["v1", None])
def test_what_is_no_document_is_recorded_as_failed_and_never_submitted(
    intake: Intake, key: str, size: int, reason: str, version_id: str | None
) -> None:
    said = intake.deliver(object_created(key, size=size, version_id=version_id))

    assert intake.endpoint.requests == []
    assert (intake.job.state, intake.job.reason, intake.job.key) == (JobState.FAILED, reason, key)
    assert intake.job.ended_at == "2027-01-15T08:00:00.000Z"
    assert said == f"{reason} The job is recorded as FAILED."


def test_a_document_that_was_overwritten_before_it_was_read_fails_and_the_new_version_is_read(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id="v2")

    intake.deliver(object_created("inbox/a.png", version_id="v1"))
    assert intake.job.reason == (
        "The object s3://inputs/inbox/a.png was overwritten before it was read, by v2, which is a job of its own."
    )

    intake.deliver(object_created("inbox/a.png", version_id="v2"))
    assert [request.inference_id for request in intake.endpoint.requests] == [job_id("inputs", "inbox/a.png", "v2")]


def test_a_document_is_read_even_if_its_key_ends_in_a_slash(intake: Intake) -> None:
    intake.put("inbox/odd/")

    intake.deliver(object_created("inbox/odd/"))

    assert len(intake.endpoint.requests) == 1


def test_without_a_version_in_the_event_s3_is_asked_once(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id="v7")

    intake.deliver(object_created("inbox/a.png", version_id=None))

    assert intake.job.job_id == job_id("inputs", "inbox/a.png", "v7")
    assert (intake.job.overwritable, intake.inbox.heads) == (False, 1)


def test_a_bucket_without_versions_is_said_in_the_record(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id=None)

    intake.deliver(object_created("inbox/a.png", version_id=None))

    assert intake.job.job_id == job_id("inputs", "inbox/a.png", "etag:etag-of-9")
    assert (intake.job.version, intake.job.overwritable) == ("etag:etag-of-9", True)


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
        ({**object_created("a"), "detail": {"bucket": {"name": "b"}}}, r"cannot be read \(KeyError: 'object'\)"),
        ({**object_created("a"), "detail": []}, "cannot be read"),
        ({**object_created("a"), "time": "yesterday"}, "cannot be read"),
        (object_created(""), "cannot be read"),
    ],
)
def test_a_message_that_is_no_upload_is_kept_and_says_what_it_is(
    intake: Intake, message: dict[str, Any] | str, what: str
) -> None:
    with pytest.raises(NotAnUpload, match=what) as refusal:
        intake.deliver(message)

    assert str(refusal.value).endswith("it is kept.")
    assert intake.table.items == {}


def test_the_same_event_twice_makes_one_request(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.deliver(object_created("inbox/a.png"))
    first = intake.job

    said = intake.deliver(object_created("inbox/a.png"))

    assert len(intake.endpoint.requests) == 1
    assert said == "Nothing to do: the job is SUBMITTED already."
    assert intake.job == first


def test_the_same_event_after_the_document_was_deleted_leaves_the_job_as_it_is(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.deliver(object_created("inbox/a.png"))
    intake.inbox.objects.clear()

    intake.deliver(object_created("inbox/a.png"))

    assert intake.job.state is JobState.SUBMITTED


def test_the_same_event_while_the_first_is_worked_on_is_kept(intake: Intake) -> None:
    intake.put("inbox/a.png")
    second: list[str] = []

    def deliver_again() -> None:
        with pytest.raises(MessageKept) as kept:
            intake.deliver(object_created("inbox/a.png"))
        second.append(str(kept.value))

    intake.endpoint.before_answer = deliver_again
    intake.deliver(object_created("inbox/a.png"))

    assert len(intake.endpoint.requests) == 1
    assert len(second) == 1
    assert second[0].endswith("is being submitted until 1800000120 (epoch seconds) at the latest; the message is kept.")


def test_an_outcome_that_comes_before_the_submission_is_recorded_stays(intake: Intake) -> None:
    intake.put("inbox/a.png")
    told = Notification("success", inference_id=job_id("inputs", "inbox/a.png", "v1"), output_location="s3://o/1")

    def outcome_first() -> None:
        intake.jobs.merge(ended(told, at=datetime(2027, 1, 15, 9, tzinfo=UTC), expires_at=1))

    intake.endpoint.before_answer = outcome_first
    intake.deliver(object_created("inbox/a.png"))

    assert intake.job.state is JobState.COMPLETED
    assert (intake.job.outcome_location, intake.job.output_location) == ("s3://o/1", "s3://outputs/results/1.out")
    assert intake.deliver(object_created("inbox/a.png")) == "Nothing to do: the job is COMPLETED already."


def test_a_refusal_for_now_gives_the_claim_back_so_that_the_next_try_succeeds(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.refusals = [MessageKept("not now"), RuntimeError("a bug")]

    for error in (MessageKept, RuntimeError):
        with pytest.raises(error):
            intake.deliver(object_created("inbox/a.png"))
        assert (intake.job.state, intake.job.claimed_until) == (JobState.RECEIVED, None)
    intake.deliver(object_created("inbox/a.png"))

    assert intake.job.state is JobState.SUBMITTED


def test_a_call_that_broke_off_stays_claimed_until_the_claim_runs_out(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.refusals = [AnswerUnknown("no answer")]

    with pytest.raises(AnswerUnknown):
        intake.deliver(object_created("inbox/a.png"))
    intake.now += 119
    with pytest.raises(MessageKept, match="is being submitted"):
        intake.deliver(object_created("inbox/a.png"))
    intake.now += 1
    intake.deliver(object_created("inbox/a.png"))

    assert len(intake.endpoint.requests) == 1


def test_a_refusal_of_the_request_itself_is_the_reason_of_its_failure(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.refusals = [Rejected("SageMaker refuses the request: no.")]

    intake.deliver(object_created("inbox/a.png"))

    assert (intake.job.state, intake.job.reason) == (JobState.FAILED, "SageMaker refuses the request: no.")


@pytest.mark.parametrize(
    ("key", "told", "content_type"),
    [
        ("a.png", "image/jpeg", "image/jpeg"),
        ("a.png", "binary/octet-stream", "image/png"),
        ("a.JPG", "application/octet-stream", "image/jpeg"),
        ("a.webp", "image/webp", "application/x-image"),
        ("a.gif", None, "application/x-image"),
        ("a.pdf", None, "application/pdf"),
        ("no-suffix", "", "application/x-image"),
        ("a.png", "IMAGE/PNG; q=1", "IMAGE/PNG; q=1"),
    ],
)
def test_the_content_type_is_the_told_one_or_the_suffix_s_or_an_image(
    key: str, told: str | None, content_type: str
) -> None:
    assert content_type_of(key, told) == content_type


@pytest.mark.parametrize("name", SUBMIT_ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        Settings.from_environment({key: value for key, value in SUBMIT_ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("REQUEST_TTL_SECONDS", "59", "60 to 21600"),
        ("INVOCATION_TIMEOUT_SECONDS", "3601", "1 to 3600"),
        ("CLAIM_SECONDS", "0", "1 to 43200"),
        ("JOB_RETENTION_DAYS", "a month", "1 to 3650"),
    ],
)
def test_a_variable_out_of_its_range_is_named_with_the_range(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}': it takes a whole number from {allowed}"):
        Settings.from_environment({**SUBMIT_ENVIRONMENT, name: value})
