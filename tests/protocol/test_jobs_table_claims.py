"""A claim on a job keeps others off until it is released or over, in memory and in a DynamoDB over HTTP."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import (
    JobRecord,
    JobsTableWriter,
    JobState,
    SeenJob,
    merge_records,
)
from tests.protocol.test_job_record import records
from tests.protocol.test_jobs_table_writer import CLAIM, DONE
from tests.support.memory_table import MemoryTable


@given(seen=st.none() | records, written=st.lists(records, max_size=2))
def test_a_claim_from_a_job_that_was_seen_long_ago_is_that_of_one_that_is_read(
    seen: JobRecord | None, written: list[JobRecord]
) -> None:
    claim = replace(CLAIM, job_id="one-job", received_at=None, claimed_until=200)
    outcomes = []
    for is_seen in (False, True):
        table = MemoryTable()
        writer = JobsTableWriter(table)
        for record in [seen] if seen else []:
            writer.merge(record)
        before = writer.look("one-job")
        for record in written:
            writer.merge(record)
        existing = writer.claim(claim, now=100, seen=before if is_seen else None)
        outcomes.append((existing is None, writer.get("one-job")))

    assert outcomes[0] == outcomes[1]


def test_a_claim_that_was_seen_is_read_again_because_it_may_be_over() -> None:
    table = MemoryTable()
    writer, others = JobsTableWriter(table), replace(CLAIM, claimed_until=200)
    writer.claim(others, now=40)
    seen = writer.look("job")
    assert writer.claim(replace(CLAIM, claimed_until=210), now=50, seen=seen) == others

    writer.release(others)
    assert writer.claim(replace(CLAIM, claimed_until=210), now=50, seen=SeenJob(seen.item)) is None


def test_a_claim_is_released_without_a_read_and_only_if_nobody_wrote_since() -> None:
    table = MemoryTable()
    writer, seen = JobsTableWriter(table), SeenJob()
    writer.claim(CLAIM, now=40, seen=seen)
    writer.release(CLAIM, seen=seen)
    assert (table.reads, writer.get("job")) == (0, replace(CLAIM, claimed_until=None))

    writer.claim(CLAIM, now=40, seen=seen)
    writer.merge(DONE)
    writer.release(CLAIM, seen=seen)
    assert writer.get("job") == merge_records(CLAIM, DONE)


@pytest.fixture(params=["memory", "dynamodb"])
def table(request: pytest.FixtureRequest) -> JobsTableWriter:
    return JobsTableWriter(MemoryTable() if request.param == "memory" else request.getfixturevalue("jobs_table"))


def test_a_claim_keeps_others_off_until_it_runs_out(table: JobsTableWriter) -> None:
    assert table.claim(CLAIM, now=40) is None
    assert table.claim(replace(CLAIM, claimed_until=150), now=99.9) == CLAIM
    assert table.claim(replace(CLAIM, claimed_until=160), now=100) is None
    assert table.claim(replace(CLAIM, claimed_until=170), now=110) == replace(CLAIM, claimed_until=160)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RECEIVED])
def test_a_job_that_went_on_cannot_be_claimed(table: JobsTableWriter, state: JobState) -> None:
    gone_on = replace(CLAIM, state=state)
    table.merge(gone_on)

    assert table.claim(replace(CLAIM, claimed_until=900), now=500) == gone_on
    assert table.get("job") == gone_on


def test_a_claim_that_was_released_can_be_taken_at_once(table: JobsTableWriter) -> None:
    table.claim(CLAIM, now=40)
    table.release(CLAIM)

    assert table.get("job") == replace(CLAIM, claimed_until=None)
    assert table.claim(replace(CLAIM, claimed_until=110), now=50) is None


def test_releasing_does_not_touch_what_is_another_s_or_has_gone_on(table: JobsTableWriter) -> None:
    table.release(CLAIM)
    assert table.get("job") is None

    others = replace(CLAIM, claimed_until=200)
    table.claim(others, now=40)
    table.release(CLAIM)
    assert table.get("job") == others

    table.merge(DONE)
    table.release(others)
    assert table.get("job") == merge_records(others, DONE)


def test_of_many_at_once_exactly_one_claims(table: JobsTableWriter) -> None:
    answers: list[JobRecord | None] = []
    threads = [threading.Thread(target=lambda: answers.append(table.claim(CLAIM, now=40))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count(None) == 1
    assert answers.count(CLAIM) == 7
