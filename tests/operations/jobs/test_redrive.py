"""Each chosen job gets one more attempt, whatever runs beside the command or interrupts it."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.client import JobsTableReader
from async_endpoint.operations.jobs.attempts import AttemptRequester, intake_sender
from async_endpoint.operations.jobs.redrive import (
    Criteria,
    Redrive,
    RedriveOutcome,
    Selection,
    parse_age,
    select_jobs,
)
from async_endpoint.operations.jobs.workflow import ThreadedTable
from async_endpoint.protocol import AttemptRequest, JobsTableWriter, JobState, merge_records, record_attempt
from tests.support.deployed_workflow import DeployedWorkflow
from tests.support.jobs_table import failed

ANY = Criteria(state=JobState.FAILED)


def choose(deployed: DeployedWorkflow, s3: S3Client, criteria: Criteria = ANY, *, later: float = 0) -> Selection:
    now = datetime.now(UTC) + timedelta(seconds=later)
    return select_jobs(JobsTableReader(deployed.table, s3), criteria, now=now)


def redrive(deployed: DeployedWorkflow, cause: str = "It was tested.") -> Redrive:
    table = JobsTableWriter(ThreadedTable(deployed.table.name))
    sender = intake_sender(deployed.sqs, deployed.intake.url)
    return Redrive(AttemptRequester(table, sender, lambda: datetime.now(UTC), retention_days=30), cause)


def ids(selection: Selection) -> list[str]:
    return [job.job_id for job in selection.over]


def test_jobs_are_chosen_by_state_reason_and_time_newest_first(deployed: DeployedWorkflow, s3: S3Client) -> None:
    old = deployed.failed("inbox/old", "Server error (500)", ago=timedelta(hours=7))
    new = deployed.failed("inbox/new", "server ERROR (500) again", ago=timedelta(hours=1))
    other = deployed.failed("inbox/other", "no image")
    deployed.submitted("inbox/open")
    deployed.jobs.merge(failed("client", datetime.now(UTC)))
    recent = datetime.now(UTC) - timedelta(hours=6)

    assert ids(choose(deployed, s3)) == [other, new, old]
    assert choose(deployed, s3).foreign == 1
    assert ids(choose(deployed, s3, replace(ANY, reason="server error"))) == [new, old]
    assert ids(choose(deployed, s3, replace(ANY, since=recent))) == [other, new]
    assert ids(choose(deployed, s3, replace(ANY, limit=1))) == [other]
    assert ids(choose(deployed, s3, Criteria(state=JobState.EXPIRED))) == []
    assert choose(deployed, s3).reasons == [("no image", 1), ("server ERROR (500) again", 1), ("Server error (500)", 1)]


def test_two_at_once_request_each_attempt_once(deployed: DeployedWorkflow, s3: S3Client) -> None:
    jobs = [deployed.failed(f"inbox/{number}") for number in range(20)]
    selection = choose(deployed, s3)
    # With one cause and in one millisecond, each would take the other's write for its own, and send the message again.
    both = [redrive(deployed, "It was tested here."), redrive(deployed, "It was tested there.")]
    threads = [threading.Thread(target=each.run, args=(selection, lambda _: None)) for each in both]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    outcomes = Counter(done.outcome for each in both for done in each.done)
    assert outcomes == {RedriveOutcome.REQUESTED: 20, RedriveOutcome.CHANGED: 20}
    assert Counter(deployed.requests()) == Counter(AttemptRequest(job, 2) for job in jobs)
    assert {deployed.state(job) for job in jobs} == {("RECEIVED", 2)}


def test_the_same_again_finds_nothing_to_do_even_from_a_stale_listing(deployed: DeployedWorkflow, s3: S3Client) -> None:
    deployed.failed("inbox/a")
    selection = choose(deployed, s3)
    redrive(deployed).run(selection, lambda _: None)
    again = redrive(deployed)
    again.run(selection, lambda _: None)

    assert choose(deployed, s3).jobs == ()
    assert again.count(RedriveOutcome.CHANGED) == 1
    assert len(deployed.requests()) == 1


def test_a_lost_message_is_sent_again_after_a_minute_and_no_other_attempt_is_made(
    deployed: DeployedWorkflow, s3: S3Client
) -> None:
    job_id, claimed = deployed.failed("inbox/killed"), deployed.failed("inbox/claimed")
    for each in (job_id, claimed):
        job = deployed.jobs.get(each)
        assert job
        claim = int(datetime.now(UTC).timestamp()) + 1000 if each == claimed else None
        attempt = replace(record_attempt(job, cause="It was killed.", at=datetime.now(UTC)), claimed_until=claim)
        deployed.jobs.merge(merge_records(job, attempt))

    early, late = choose(deployed, s3), choose(deployed, s3, later=61)
    assert (early.jobs, early.recent) == ((), 1)
    assert [job.job_id for job in late.waiting] == [job_id]
    assert choose(deployed, s3, replace(ANY, reason="another"), later=61).jobs == ()
    work = redrive(deployed)
    work.run(late, lambda _: None)

    assert work.count(RedriveOutcome.REPEATED) == 1
    assert deployed.requests() == [AttemptRequest(job_id, 2)]
    assert deployed.state(job_id) == ("RECEIVED", 2)


def test_an_error_of_one_job_does_not_stop_the_others(deployed: DeployedWorkflow, s3: S3Client) -> None:
    jobs = [deployed.failed(f"inbox/{number}") for number in range(3)]
    selection = choose(deployed, s3)
    deployed.table.delete_item(Key={"job_id": jobs[1]})
    work = redrive(deployed)

    work.run(selection, lambda _: None)

    assert work.count(RedriveOutcome.REQUESTED) == 2
    (error,) = (done for done in work.done if done.outcome is RedriveOutcome.FAILED)
    assert f"There is no job {jobs[1]}" in error.text


def test_an_interruption_counts_what_was_done_and_leaves_the_rest_for_the_next_run(
    deployed: DeployedWorkflow, s3: S3Client
) -> None:
    jobs = [deployed.failed(f"inbox/{number}") for number in range(60)]
    work = redrive(deployed)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.run(choose(deployed, s3), interrupt)
    assert 0 < len(work.done) < len(jobs)
    assert len(choose(deployed, s3).jobs) == len(jobs) - len(work.done)
    redrive(deployed).run(choose(deployed, s3), lambda _: None)

    assert Counter(deployed.requests()) == Counter(AttemptRequest(job, 2) for job in jobs)


@pytest.mark.parametrize("text", ["6", "h", "0h", "-1h", "1w", "1.5h", "", "99999999999d"])
def test_a_length_of_time_is_a_number_and_a_unit(text: str) -> None:
    units = {"d": timedelta(days=1), "h": timedelta(hours=1)}
    assert parse_age("6h", units) == timedelta(hours=6)
    with pytest.raises(ValueError, match=r"a length of time|too long"):
        parse_age(text, units)
