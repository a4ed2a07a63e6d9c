"""Each document of the inbox becomes one request, or a recorded reason why not, or is retried later."""

from datetime import UTC, datetime

import pytest

from async_endpoint.protocol import JobRecord, JobState, Notification, job_id, record_outcome
from submit.ports import AcceptanceUnknown, RetryLater
from tests.support.intake import NOW, Intake, object_created


def test_a_document_is_submitted_under_its_id_and_recorded_with_the_locations_of_the_response(intake: Intake) -> None:
    intake.put("inbox/a.png")

    said = intake.deliver(object_created("inbox/a.png"))

    (request,) = intake.endpoint.requests
    assert request.inference_id == job_id("inputs", "inbox/a.png", "v1")
    assert (request.endpoint_name, request.content_type) == ("receipts", "image/png")
    assert (request.request_ttl_seconds, request.invocation_timeout_seconds) == (3600, 60)
    assert said == "s3://inputs/inbox/a.png is submitted; its result will be s3://outputs/results/1.out."
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
    ("key", "name"),
    [
        ("inbox/with blanks.png", "with blanks.png"),
        ("inbox/領収書.png", "document"),
        ("inbox/a+b.png", "a+b.png"),
        ("inbox/100%.png", "100%.png"),
        ("inbox/2026/a%2Bb+c d.png", "a%2Bb+c d.png"),
        ("inbox/é ü ", "document"),
        ("inbox/trailing blank ", "document"),
        ("inbox/line\nbreak.png", "document"),
        ("inbox/" + "領" * 300, "document"),
        ("inbox/" + "a" * 1000, "document"),
    ],
)
def test_the_endpoint_gets_a_copy_of_the_version_under_a_key_that_fits_a_header(
    intake: Intake, key: str, name: str
) -> None:
    intake.put(key)

    intake.deliver(object_created(key))

    (request,) = intake.endpoint.requests
    assert request.inference_id == job_id("inputs", key, "v1")
    assert request.input_location == f"s3://inputs/pinned/{request.inference_id}/{name}"
    assert intake.inbox.copies == {f"pinned/{request.inference_id}/{name}": "v1"}
    assert (intake.job.key, intake.job.state) == (key, JobState.SUBMITTED)


def test_each_version_of_an_overwritten_document_is_processed_as_it_was_uploaded(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id="v1", content_type="image/png")
    intake.put("inbox/a.png", version_id="v2", content_type="image/jpeg")

    for version in ("v1", "v2"):
        intake.deliver(object_created("inbox/a.png", version_id=version))

    sent = [(request.inference_id, request.content_type) for request in intake.endpoint.requests]
    ids = [job_id("inputs", "inbox/a.png", version) for version in ("v1", "v2")]
    assert sent == list(zip(ids, ["image/png", "image/jpeg"], strict=True))
    assert intake.inbox.copies == {f"pinned/{ids[0]}/a.png": "v1", f"pinned/{ids[1]}/a.png": "v2"}


def test_a_document_is_submitted_even_if_its_key_ends_in_a_slash(intake: Intake) -> None:
    intake.put("inbox/odd/")

    intake.deliver(object_created("inbox/odd/"))

    assert len(intake.endpoint.requests) == 1


def test_without_a_version_in_the_event_headobject_is_called_once(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id="v7")

    intake.deliver(object_created("inbox/a.png", version_id=None))

    assert intake.job.job_id == job_id("inputs", "inbox/a.png", "v7")
    assert (intake.job.overwritable, intake.inbox.heads) == (False, 1)


def test_a_bucket_without_versions_is_said_in_the_record(intake: Intake) -> None:
    intake.put("inbox/a.png", version_id=None)

    intake.deliver(object_created("inbox/a.png", version_id=None))

    assert intake.job.job_id == job_id("inputs", "inbox/a.png", "etag:etag-of-9")
    assert (intake.job.version, intake.job.overwritable) == ("etag:etag-of-9", True)


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


def test_the_same_event_during_the_first_submission_is_retried_later(intake: Intake) -> None:
    intake.put("inbox/a.png")
    second: list[str] = []

    def deliver_again() -> None:
        with pytest.raises(RetryLater) as raised:
            intake.deliver(object_created("inbox/a.png"))
        second.append(str(raised.value))

    intake.endpoint.before_response = deliver_again
    intake.deliver(object_created("inbox/a.png"))

    assert len(intake.endpoint.requests) == 1
    job = job_id("inputs", "inbox/a.png", "v1")
    assert second == [f"Another invocation has the claim on job {job} until 1800000120 (epoch seconds)."]


def test_an_outcome_that_comes_before_the_submission_is_recorded_stays(intake: Intake) -> None:
    intake.put("inbox/a.png")
    success = Notification("success", inference_id=job_id("inputs", "inbox/a.png", "v1"), output_location="s3://o/1")

    def outcome_first() -> None:
        intake.jobs.merge(record_outcome(success, at=datetime(2027, 1, 15, 9, tzinfo=UTC), expires_at=1))

    intake.endpoint.before_response = outcome_first
    intake.deliver(object_created("inbox/a.png"))

    assert intake.job.state is JobState.COMPLETED
    assert (intake.job.outcome_location, intake.job.output_location) == ("s3://o/1", "s3://outputs/results/1.out")
    assert intake.deliver(object_created("inbox/a.png")) == "Nothing to do: the job is COMPLETED already."


def test_a_temporary_error_releases_the_claim_so_that_the_next_attempt_succeeds(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.rejections = [RetryLater("not now"), RuntimeError("a bug")]

    for error in (RetryLater, RuntimeError):
        with pytest.raises(error):
            intake.deliver(object_created("inbox/a.png"))
        assert (intake.job.state, intake.job.claimed_until) == (JobState.RECEIVED, None)
    intake.deliver(object_created("inbox/a.png"))

    assert intake.job.state is JobState.SUBMITTED


def test_a_call_with_unknown_acceptance_stays_claimed_until_the_claim_expires(intake: Intake) -> None:
    intake.put("inbox/a.png")
    intake.endpoint.rejections = [AcceptanceUnknown("no response")]

    with pytest.raises(AcceptanceUnknown):
        intake.deliver(object_created("inbox/a.png"))
    intake.now += 119
    with pytest.raises(RetryLater, match="has the claim"):
        intake.deliver(object_created("inbox/a.png"))
    intake.now += 1
    intake.deliver(object_created("inbox/a.png"))

    assert len(intake.endpoint.requests) == 1
