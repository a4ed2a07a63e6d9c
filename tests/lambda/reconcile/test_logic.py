"""What no message will finish any more is finished or sent again, once, and nothing else is touched."""

from dataclasses import replace
from datetime import timedelta

import pytest

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobState,
    record_received,
    record_submitted,
    record_waiting,
    utc_timestamp,
)
from reconcile.ports import Page
from tests.support.reconciler_world import NEVER, NOON, World, stored, upload

LOOK_AFTER = timedelta(minutes=15)
# TTL, processing time and the grace of half an hour.
ALLOWED = timedelta(seconds=3_600 + 60, minutes=30)


@pytest.fixture
def world() -> World:
    return World()


def test_a_result_whose_notification_never_came_is_recorded(world: World) -> None:
    world.submitted()
    world.objects["s3://outputs/1.out"] = NOON + timedelta(seconds=9)

    assert world.run(NOON + LOOK_AFTER).looked_at == 0
    too_early = world.run(NOON + LOOK_AFTER + timedelta(seconds=8))
    assert (too_early.looked_at, too_early.recorded) == (1, 0)
    findings = world.run(NOON + LOOK_AFTER + timedelta(seconds=9))

    assert (findings.looked_at, findings.recorded) == (1, 1)
    job = world.job()
    assert (job.state, job.outcome_location, job.ended_at) == (
        JobState.COMPLETED,
        "s3://outputs/1.out",
        "2027-01-15T12:00:09.000Z",
    )
    assert world.run(NOON + timedelta(days=1)).looked_at == 0


def test_a_failure_whose_notification_never_came_is_submitted_again_with_the_models_sentence(world: World) -> None:
    world.submitted()
    world.objects["s3://outputs/1-error.out"] = NOON
    world.bodies["s3://outputs/1-error.out"] = b'{"error": "Out of memory."}'

    world.run(NOON + timedelta(hours=1))

    job = world.job()
    assert (job.state, job.attempt, job.cause) == (
        JobState.RECEIVED,
        2,
        "The attempt before it failed: Out of memory. (The notification of the failure never came.)",
    )
    assert world.delayed == [(AttemptRequest(job.job_id, 2), 30)]


def test_a_request_of_which_nothing_is_left_expires_after_its_time_and_not_before(world: World) -> None:
    world.submitted()

    assert world.run(NOON + ALLOWED).expired == 0
    assert world.job().state is JobState.SUBMITTED
    assert world.run(NOON + ALLOWED + timedelta(seconds=1)).expired == 1

    job = world.job()
    assert (job.state, job.reason) == (
        JobState.EXPIRED,
        "No result, failure or notification came within 5460 s of the submission.",
    )


def test_a_notification_that_comes_after_all_still_counts(world: World) -> None:
    world.submitted()
    world.run(NOON + timedelta(days=1))
    late = JobRecord(job_id=upload().job_id, state=JobState.COMPLETED, result_location="s3://outputs/1.out")

    assert world.jobs.merge(late).state is JobState.COMPLETED


def test_a_job_that_no_message_will_submit_is_requested_again(world: World) -> None:
    claimed = record_received(upload(), claimed_until=int(NOON.timestamp()) + 120, expires_at=NEVER)
    world.jobs.merge(claimed)

    assert world.run(NOON + timedelta(seconds=1_020)).requested == 0
    assert world.run(NOON + timedelta(seconds=1_021)).requested == 1
    assert world.requested == [AttemptRequest(upload().job_id, 1)]


def test_a_job_under_a_claim_is_left_to_it(world: World) -> None:
    later = NOON + timedelta(hours=2)
    world.jobs.merge(record_received(upload(), claimed_until=int(later.timestamp()) + 1, expires_at=NEVER))

    assert world.run(later).requested == 0
    assert world.run(later + timedelta(seconds=1)).requested == 1


def test_uploads_without_a_job_are_announced_again_if_they_are_neither_new_nor_old(world: World) -> None:
    now = NOON
    lost = [stored("inbox/lost.png", timedelta(hours=1), now), stored("inbox/lost-too.png", timedelta(days=2), now)]
    others = [
        stored("inbox/new.png", timedelta(minutes=14), now),
        stored("inbox/old.png", timedelta(days=2, seconds=1), now),
        stored("inbox/a.png", timedelta(hours=1), now),
    ]
    world.jobs.merge(record_received(upload(), claimed_until=NEVER, expires_at=NEVER))
    world.pages = [Page((lost[0], *others), "1"), Page((lost[1],), None)]

    assert world.run(now).announced == 2
    assert world.announced == lost


def test_a_large_inbox_is_looked_at_in_parts_and_from_its_beginning_again(world: World) -> None:
    world.pages = [Page((), str(part + 1)) for part in range(6)] + [Page((), None)]

    world.run(NOON)
    assert world.at_marker == "5"
    world.run(NOON)
    assert world.at_marker is None


def test_nothing_is_sent_again_while_dead_letters_wait_for_an_operator(world: World) -> None:
    world.jobs.merge(record_received(upload(), claimed_until=1, expires_at=NEVER))
    world.pages = [Page((stored("inbox/lost.png", timedelta(hours=1), NOON + timedelta(hours=2)),), None)]
    world.dead_letters = 1

    findings = world.run(NOON + timedelta(hours=2))

    assert (findings.requested, findings.announced) == (0, 0)
    assert findings.lines == ["The intake's DLQs are not empty (messages: 1), so none is sent again."]


def test_nothing_is_sent_again_while_the_queue_has_a_backlog(world: World) -> None:
    world.jobs.merge(record_received(upload(at=NOON - timedelta(hours=3)), claimed_until=1, expires_at=NEVER))
    world.pages = [Page((stored("inbox/lost.png", timedelta(hours=1), NOON),), None)]
    world.queue = 101

    findings = world.run(NOON)
    assert (findings.announced, findings.requested) == (0, 0)
    world.queue = 100
    findings = world.run(NOON)
    assert (findings.announced, findings.requested) == (1, 1)


def test_a_job_that_cannot_be_looked_at_stops_no_other(world: World) -> None:
    world.submitted()
    foreign = record_submitted(
        upload("inbox/foreign.png", NOON - timedelta(seconds=1)),
        at=NOON - timedelta(seconds=1),
        content_type=None,
        output_location="s3://foreign/1.out",
        failure_location=None,
        expires_at=NEVER,
    )
    world.jobs.merge(foreign)
    world.objects["s3://outputs/1.out"] = NOON

    findings = world.run(NOON + timedelta(hours=1))

    assert (findings.looked_at, findings.recorded) == (2, 1)
    assert findings.errors == [f"{foreign.job_id}: PermissionError: s3://foreign/1.out"]


def test_no_upload_is_older_than_half_of_the_time_for_which_the_table_keeps_its_job(world: World) -> None:
    world.settings = {"JOB_RETENTION_DAYS": "1"}
    world.pages = [Page((stored("inbox/a.png", timedelta(hours=12, seconds=1), NOON),), None)]
    assert world.run(NOON).announced == 0

    world.pages = [Page((stored("inbox/a.png", timedelta(hours=12), NOON),), None)]
    assert world.run(NOON).announced == 1


def test_a_run_that_takes_long_begins_no_further_part_of_the_inbox(world: World) -> None:
    world.pages = [Page((), "1"), Page((), "2"), Page((), None)]
    world.seconds = [0.0, 0.0, 30.0, 30.1]

    world.run(NOON)
    assert world.at_marker == "2"


def test_a_job_at_a_later_attempt_is_requested_at_that_attempt(world: World) -> None:
    job = world.submitted()
    failed = replace(job, state=JobState.FAILED, ended_at=utc_timestamp(NOON))
    world.jobs.merge(failed)
    world.jobs.merge(
        JobRecord(
            job_id=job.job_id, state=JobState.RECEIVED, attempt=2, requested_at=utc_timestamp(NOON), cause="again"
        )
    )

    assert world.run(NOON + timedelta(hours=2)).requested == 1
    assert world.requested == [AttemptRequest(job.job_id, 2)]


def test_jobs_that_wait_for_admission_are_not_stuck_but_asked_for_though_dead_letters_wait(world: World) -> None:
    world.jobs.merge(record_waiting(upload(), expires_at=NEVER))
    world.dead_letters = 1

    findings = world.run(NOON + timedelta(hours=5))

    assert (findings.requested, findings.asked, world.asked) == (0, 3, [100])
    assert str(findings).endswith("0 requests and 0 uploads sent again, 3 waiting jobs asked for.")


def test_nobody_is_asked_for_while_the_queues_have_a_backlog(world: World) -> None:
    world.queue = 101
    assert world.run(NOON).asked == 0
    assert world.asked == []
