"""The story of a job, in the order of time."""

from async_endpoint.operations.jobs.history import Event, history_of
from async_endpoint.protocol import Attempt, JobRecord, JobState, attempt_id

JOB = JobRecord(
    job_id="job",
    state=JobState.RECEIVED,
    bucket="inputs",
    key="inbox/a",
    version="v1",
    received_at="2026-01-31T12:00:00.000Z",
    attempt=3,
    requested_at="2026-01-31T12:30:00.000Z",
    cause="By hand.",
    claimed_until=1_800_000_000,
    other_attempts=(
        Attempt(
            number=1,
            state=JobState.FAILED,
            claimed_until=1,
            submitted_at="2026-01-31T12:00:01.000Z",
            failure_location="s3://out/1-error.out",
            # reported after the second attempt was requested
            ended_at="2026-01-31T12:20:00.000Z",
            reason="no image",
        ),
        Attempt(
            number=2,
            state=JobState.CANCELLED,
            requested_at="2026-01-31T12:10:00.000Z",
            cause="Again.",
            submitted_at="2026-01-31T12:10:01.000Z",
            output_location="s3://out/2.out",
            ended_at="2026-01-31T12:25:00.000Z",
        ),
    ),
)


def test_events_of_all_attempts_are_in_the_order_of_time() -> None:
    assert history_of(JOB) == [
        Event("2026-01-31T12:00:00.000Z", None, "received", "s3://inputs/inbox/a, version v1"),
        Event("2026-01-31T12:00:01.000Z", 1, "submitted", "InferenceId job"),
        Event("2026-01-31T12:10:00.000Z", 2, "requested", "Again."),
        Event("2026-01-31T12:10:01.000Z", 2, "submitted", f"InferenceId {attempt_id('job', 2)}"),
        Event("2026-01-31T12:20:00.000Z", 1, "failed", "no image → s3://out/1-error.out"),
        Event("2026-01-31T12:25:00.000Z", 2, "cancelled", "s3://out/2.out, if the request still runs"),
        Event("2026-01-31T12:30:00.000Z", 3, "requested", "By hand."),
        Event(None, 3, "claimed", "for submission, until 2027-01-15T08:00:00.000Z"),
    ]


def test_a_job_of_a_client_has_no_upload() -> None:
    job = JobRecord(job_id="job", state=JobState.COMPLETED, result_location="s3://out/1.out")
    assert history_of(job) == [Event(None, 1, "completed", "s3://out/1.out")]
