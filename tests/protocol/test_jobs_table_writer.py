"""The table holds what `merge_records` returns, in memory and in a DynamoDB over HTTP, beside other writers."""

import uuid
from dataclasses import replace
from functools import reduce
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import (
    JOBS_REVISION_ATTRIBUTE,
    JobRecord,
    JobsTableBusy,
    JobsTableWriter,
    JobState,
    SeenJob,
    merge_records,
    record_outcome,
    record_received,
    record_waiting,
    update_expression,
)
from async_endpoint.protocol.attempts import Attempt
from tests.protocol.test_job_record import EVENTS, MOMENT, UPLOAD, accepted, notification, records
from tests.support.memory_table import MemoryTable
from tests.support.raw_server import raw_server

CLAIM = JobRecord(job_id="job", state=JobState.RECEIVED, received_at="2026-01-01T00:00:00.000Z", claimed_until=100)
SUBMITTED = merge_records(record_received(UPLOAD, claimed_until=50, expires_at=10), accepted(1))
COMPLETE = ("key", "version", "content_type", "received_at", "submitted_at", "output_location", "failure_location")
LATER = "2026-03-01T13:00:00.000Z"
DONE = replace(CLAIM, state=JobState.COMPLETED, ended_at="2026-01-01T00:01:00.000Z")


def write_one_by_one(table: Any, reports: list[JobRecord]) -> JobRecord:  # two kinds of table
    """Apply `update_expression` to what is read before each write."""
    for record in reports:
        key = {"job_id": record.job_id}
        update = update_expression(table.get_item(Key=key, ConsistentRead=True).get("Item"), record)
        if update is not None:
            table.update_item(**update)
    return JobRecord.from_item(table.get_item(Key={"job_id": reports[0].job_id}, ConsistentRead=True)["Item"])


@given(st.lists(records, min_size=1, max_size=6))
def test_updates_one_by_one_give_what_merging_gives(reports: list[JobRecord]) -> None:
    table = MemoryTable()

    assert write_one_by_one(table, reports) == reduce(merge_records, reports)
    assert table.items["one-job"].get("updated_at") == reduce(merge_records, reports).updated_at


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(reports=st.one_of(st.lists(records, min_size=1, max_size=5), st.lists(st.sampled_from(EVENTS), min_size=1)))
def test_updates_one_by_one_of_dynamodb_give_what_merging_gives(jobs_table: Table, reports: list[JobRecord]) -> None:
    job_id = uuid.uuid4().hex
    reports = [replace(record, job_id=job_id) for record in reports]

    assert write_one_by_one(jobs_table, reports) == reduce(merge_records, reports)


@given(records)
def test_what_is_known_already_is_not_written_again(record: JobRecord) -> None:
    table = MemoryTable()
    JobsTableWriter(table).merge(record)

    assert JobsTableWriter(table).merge(record) == record
    assert table.updates == 1


# Almost what an outcome usually finds: one attribute more or less decides.
ALMOST = [
    *({name: None} for name in COMPLETE),
    *({"reason": "one"}, {"expires_at": 300}, {"expires_at": None}, {"claimed_until": None}, {}),
    *({"attempt": 2}, {"other_attempts": (Attempt(number=2, state=JobState.RECEIVED),)}),
    *({"state": state} for state in JobState),
]
OUTCOMES = [
    record_outcome(notification("success"), at=MOMENT, expires_at=200),
    replace(
        record_outcome(notification("success"), at=MOMENT, expires_at=200),
        submitted_at="2020-01-01T00:00:00.000Z",
        output_location="s3://a",
        input_location="s3://a",
        bucket="a",
        key="a",
    ),
    *EVENTS,
]


def write_at_once(table: Any, job: JobRecord | None, outcome: JobRecord) -> bool:  # two kinds of table
    """Has an outcome written in one call, and sees that the job is what merging gives, or unchanged."""
    writer = JobsTableWriter(table)
    if job:
        writer.merge(job)

    written = writer.complete(outcome)

    assert writer.get(outcome.job_id) == (merge_records(job, outcome) if job and written else job)
    assert not written or job
    return written


@given(job=st.none() | records, outcome=records)
def test_an_outcome_written_in_one_call_gives_what_merging_gives(job: JobRecord | None, outcome: JobRecord) -> None:
    write_at_once(MemoryTable(), job, outcome)


@pytest.mark.parametrize("changed", ALMOST, ids=str)
def test_an_outcome_written_in_one_call_leaves_to_merging_what_needs_it(
    jobs_table: Table, changed: dict[str, Any]
) -> None:
    for outcome in OUTCOMES:
        job = replace(SUBMITTED, **changed)
        in_memory = write_at_once(MemoryTable(), job, outcome)
        job_id = uuid.uuid4().hex
        assert write_at_once(jobs_table, replace(job, job_id=job_id), replace(outcome, job_id=job_id)) == in_memory


def test_the_usual_way_of_a_document_takes_three_calls() -> None:
    table = MemoryTable()
    writer, claim, seen = JobsTableWriter(table), record_received(UPLOAD, claimed_until=50, expires_at=100), SeenJob()

    assert writer.claim(claim, now=0, seen=seen) is None
    writer.merge(accepted(1), seen=seen)
    assert writer.complete(record_outcome(notification("success"), at=MOMENT, expires_at=200))

    assert (table.reads, table.updates) == (0, 3)


def test_a_document_that_waits_takes_one_write_and_one_read_more() -> None:
    table = MemoryTable()
    writer, claim = JobsTableWriter(table), record_received(UPLOAD, claimed_until=50, expires_at=100)
    writer.merge(record_waiting(UPLOAD, expires_at=100), seen=SeenJob())

    seen = writer.look(claim.job_id)
    assert writer.claim(claim, now=0, seen=seen) is None
    writer.merge(accepted(1), seen=seen)
    assert writer.complete(record_outcome(notification("success"), at=MOMENT, expires_at=200))

    assert (table.reads, table.updates) == (1, 4)


def test_a_merge_into_a_claim_that_another_wrote_since_reads_again() -> None:
    table = MemoryTable()
    writer, claim, seen = JobsTableWriter(table), record_received(UPLOAD, claimed_until=50, expires_at=100), SeenJob()
    writer.claim(claim, now=0, seen=seen)
    outcome = record_outcome(notification("failure"), at=MOMENT, expires_at=200)
    writer.merge(outcome)

    assert writer.merge(accepted(1), seen=seen) == reduce(merge_records, [claim, outcome, accepted(1)])
    assert writer.get(claim.job_id) == reduce(merge_records, [claim, outcome, accepted(1)])


@given(st.lists(st.tuples(records, st.integers(0, 5)), min_size=1, max_size=6))
def test_writes_from_jobs_that_were_seen_long_ago_give_what_merging_gives(reports: list[tuple[JobRecord, int]]) -> None:
    table = MemoryTable()
    writer, items = JobsTableWriter(table), list[dict[str, Any] | None]([None])
    for record, age in reports:
        updates, seen = table.updates, SeenJob(items[max(0, len(items) - 1 - age)])
        writer.merge(record, seen=seen)
        items.append(dict(table.items["one-job"]))
        assert seen.item == items[-1] or table.updates == updates

    assert writer.get("one-job") == reduce(merge_records, [record for record, _ in reports])


def test_attributes_that_are_unknown_here_stay() -> None:
    table = MemoryTable()
    table.items["job"] = {**CLAIM.to_item(), "note": "of a later version"}

    JobsTableWriter(table).merge(DONE)

    assert table.items["job"]["note"] == "of a later version"
    assert table.items["job"]["state"] == "COMPLETED"


def test_a_writer_that_comes_second_reads_again() -> None:
    table = MemoryTable()

    def other() -> None:
        JobsTableWriter(table).merge(replace(DONE, expires_at=9))

    JobsTableWriter(table).merge(CLAIM)
    table.before_update = [other]

    result = JobsTableWriter(table).merge(replace(CLAIM, state=JobState.SUBMITTED, output_location="s3://out/1"))

    assert (result.state, result.output_location, result.expires_at) == (JobState.COMPLETED, "s3://out/1", 9)
    assert JobsTableWriter(table).get("job") == result


def test_a_job_that_is_written_by_others_all_the_while_is_given_up_in_a_sentence() -> None:
    table = MemoryTable()
    JobsTableWriter(table).merge(CLAIM)

    def other() -> None:
        table.items["job"][JOBS_REVISION_ATTRIBUTE] += 1

    table.before_update = [other] * 100
    with pytest.raises(JobsTableBusy, match="Other writers changed the job job at each of 20 attempts"):
        JobsTableWriter(table).merge(DONE)


def test_other_errors_of_dynamodb_pass() -> None:
    table = MemoryTable()

    def throttle() -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "UpdateItem")

    table.before_update = [throttle]
    with pytest.raises(ClientError, match="slow down"):
        JobsTableWriter(table).merge(CLAIM)


def test_a_connection_that_breaks_in_a_write_is_said_as_it_is(session: boto3.Session) -> None:
    with raw_server() as server:  # it ends each connection without a response
        dynamodb = session.resource(
            "dynamodb", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}, proxies={})
        )
        with pytest.raises(ConnectionClosedError):
            JobsTableWriter(dynamodb.Table("jobs")).merge(CLAIM, seen=SeenJob())
