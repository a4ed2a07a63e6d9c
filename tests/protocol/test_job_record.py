"""Reports of a job add up to the same record, whatever their order and however often each comes."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import (
    JobRecord,
    JobRecordError,
    JobState,
    Notification,
    Upload,
    build_failure,
    build_success,
    merge_records,
    parse_notification,
    record_outcome,
    record_received,
    record_rejected,
    record_submitted,
    test_notification,
)

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UPLOAD = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="eu-central-1", received_at=MOMENT)
LATER = MOMENT.replace(minute=5)

few = st.sampled_from
record_fields = st.fixed_dictionaries(
    {
        "state": few(list(JobState)),
        "bucket": few([None, "inputs"]),
        "key": few([None, "a", "b"]),
        "version": few([None, "v1", "v2"]),
        "overwritable": st.booleans(),
        "content_type": few([None, "image/png", "image/jpeg"]),
        "input_location": few([None, "s3://inputs/a", "s3://inputs/b"]),
        "received_at": few([None, "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]),
        "submitted_at": few([None, "2026-01-01T00:00:01.000Z", "2026-01-02T00:00:01.000Z"]),
        "output_location": few([None, "s3://out/1", "s3://out/2"]),
        "failure_location": few([None, "s3://fail/1", "s3://fail/2"]),
        "ended_at": few([None, "2026-01-01T00:01:00.000Z", "2026-01-02T00:01:00.000Z"]),
        "reason": few([None, "one", "two"]),
        "result_location": few([None, "s3://out/1", "s3://out/2"]),
        "claimed_until": few([None, 1, 2]),
        "expires_at": few([None, 10, 20]),
    }
)


def record_of(values: dict[str, Any]) -> JobRecord:
    return JobRecord(job_id="one-job", **values)


records = record_fields.map(record_of)


def notification(kind: str, *, minute: int = 1, run: int = 1) -> Notification:
    common: dict[str, Any] = {
        "inference_id": UPLOAD.job_id,
        "endpoint_name": "receipts",
        "region": "eu-central-1",
        "received_time": LATER,
        "event_time": LATER.replace(minute=5 + minute),
        "input_location": UPLOAD.input_location,
    }
    if kind == "success":
        return parse_notification(build_success(**common, output_location=f"s3://out/{run}.out"))
    return parse_notification(
        build_failure(
            **common,
            failure_reason=f"ClientError: run {run}",
            failure_location=f"s3://fail/{run}",
            status="Expired" if kind == "expired" else "Failed",
        )
    )


def accepted(run: int) -> JobRecord:
    return record_submitted(
        UPLOAD,
        at=LATER.replace(second=run),
        content_type="image/png",
        output_location=f"s3://out/{run}.out",
        failure_location=f"s3://fail/{run}",
        expires_at=100 + run,
    )


# Every event of one upload, some of them by two runs of the same job.
EVENTS = [
    record_received(UPLOAD, claimed_until=50, expires_at=100),
    record_received(UPLOAD, claimed_until=60, expires_at=110),
    accepted(1),
    accepted(2),
    record_rejected(UPLOAD, "The object was deleted before it was read.", at=LATER, expires_at=105),
    *(
        record_outcome(notification(kind, minute=minute, run=run), at=MOMENT, expires_at=200 + minute)
        for kind in ("success", "failure", "expired")
        for minute, run in ((1, 1), (2, 2))
    ),
]


@given(st.lists(few(EVENTS), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_doubling_of_events_ends_in_the_same_record(events: list[JobRecord], random: Random) -> None:
    mixed = [*events, *events]
    random.shuffle(mixed)

    assert reduce(merge_records, mixed) == reduce(merge_records, events)


@given(records, records, records)
def test_merging_is_commutative_associative_and_idempotent(a: JobRecord, b: JobRecord, c: JobRecord) -> None:
    assert merge_records(a, b) == merge_records(b, a)
    assert merge_records(merge_records(a, b), c) == merge_records(a, merge_records(b, c))
    assert merge_records(a, a) == a
    assert merge_records(merge_records(a, b), b) == merge_records(a, b)


@given(records, records)
def test_a_state_only_ever_rises(a: JobRecord, b: JobRecord) -> None:
    assert merge_records(a, b).state.rank == max(a.state.rank, b.state.rank)


@given(records)
def test_a_record_is_the_item_that_it_becomes(record: JobRecord) -> None:
    item = record.to_item()
    as_boto3_reads_it = {
        name: Decimal(value) if type(value) is int else value for name, value in {**item, "unknown": "x"}.items()
    }

    assert JobRecord.from_item(as_boto3_reads_it) == record
    assert None not in item.values()


def test_the_usual_way_of_a_document() -> None:
    reports = [EVENTS[0], accepted(1), record_outcome(notification("success"), at=MOMENT, expires_at=200)]

    for order in itertools.permutations(reports):
        record = reduce(merge_records, order)
        assert record == JobRecord(
            job_id=UPLOAD.job_id,
            state=JobState.COMPLETED,
            bucket="inputs",
            key="inbox/a.png",
            version="v1",
            content_type="image/png",
            input_location="s3://inputs/inbox/a.png",
            received_at="2026-03-01T12:00:00.000Z",
            submitted_at="2026-03-01T12:05:01.000Z",
            output_location="s3://out/1.out",
            failure_location="s3://fail/1",
            ended_at="2026-03-01T12:06:00.000Z",
            result_location="s3://out/1.out",
            claimed_until=50,
            expires_at=200,
        )
        assert record.updated_at == record.ended_at
        assert record.outcome_location == "s3://out/1.out"


def test_a_result_outweighs_a_failure_and_an_expiry_that_were_reported_as_well() -> None:
    reports = [
        record_outcome(notification(kind), at=MOMENT, expires_at=1) for kind in ("failure", "success", "expired")
    ]

    for order in itertools.permutations(reports):
        record = reduce(merge_records, order)
        assert (record.state, record.reason) == (JobState.COMPLETED, None)


def test_an_answer_is_where_the_notification_says_even_if_another_run_was_recorded() -> None:
    record = merge_records(accepted(1), record_outcome(notification("success", run=2), at=MOMENT, expires_at=1))

    assert record.outcome_location == "s3://out/2.out"


def test_the_error_of_a_failure_that_names_no_location_is_where_the_202_said() -> None:
    outcome = record_outcome(
        Notification("failure", inference_id=UPLOAD.job_id, failure_reason="no"), at=LATER, expires_at=1
    )

    record = merge_records(accepted(1), outcome)

    assert (record.outcome_location, record.ended_at) == ("s3://fail/1", "2026-03-01T12:05:00.000Z")


def test_a_client_s_own_job_is_recorded_from_its_notification_alone() -> None:
    record = record_outcome(notification("failure"), at=MOMENT, expires_at=7)

    assert (record.state, record.bucket, record.key) == (JobState.FAILED, "inputs", "inbox/a.png")
    assert (record.submitted_at, record.ended_at) == ("2026-03-01T12:05:00.000Z", "2026-03-01T12:06:00.000Z")
    assert (record.reason, record.failure_location) == ("ClientError: run 1", "s3://fail/1")


def test_an_input_location_in_an_unknown_form_is_kept_as_it_is() -> None:
    outcome = record_outcome(
        Notification("expired", inference_id="x", input_location="ftp://somewhere"), at=LATER, expires_at=1
    )

    assert (outcome.state, outcome.input_location, outcome.bucket) == (JobState.EXPIRED, "ftp://somewhere", None)


@pytest.mark.parametrize(
    "parsed",
    [
        parse_notification(test_notification()),
        parse_notification({"inferenceId": "x", "invocationStatus": "Paused"}),
        parse_notification({"invocationStatus": "Completed"}),
    ],
)
def test_a_notification_of_no_outcome_is_rejected_in_a_sentence(parsed: Notification) -> None:
    with pytest.raises(JobRecordError, match=r"reports no outcome of a job: its members are \w+"):
        record_outcome(parsed, at=LATER, expires_at=1)


def test_records_of_two_jobs_are_not_merged() -> None:
    with pytest.raises(JobRecordError, match="two jobs"):
        merge_records(JobRecord(job_id="a", state=JobState.FAILED), JobRecord(job_id="b", state=JobState.FAILED))


@pytest.mark.parametrize("item", [{}, {"job_id": "a"}, {"job_id": "a", "state": "LOST"}, {"state": "FAILED"}])
def test_an_item_that_is_no_job_is_rejected_in_a_sentence(item: dict[str, str]) -> None:
    with pytest.raises(JobRecordError, match="is not a job: its state"):
        JobRecord.from_item(item)
