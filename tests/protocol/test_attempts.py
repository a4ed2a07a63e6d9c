"""The attempts of a job merge number by number, and the ids of attempts lead back to their job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.protocol import Attempt, JobRecord, JobsTableWriter, JobState, attempt_id, merge_records
from async_endpoint.protocol.attempts import MAXIMUM_ATTEMPTS, is_attempt_id
from tests.support.memory_table import MemoryTable

few = st.sampled_from
attempts = st.builds(
    Attempt,
    number=st.integers(1, 3),
    state=few(list(JobState)),
    claimed_until=few([None, 1, 2]),
    requested_at=few([None, "2026-01-01T00:00:00.000Z"]),
    cause=few([None, "a", "b"]),
    submitted_at=few([None, "2026-01-01T00:00:01.000Z", "2026-01-02T00:00:01.000Z"]),
    output_location=few([None, "s3://out/1", "s3://out/2"]),
    ended_at=few([None, "2026-01-01T00:01:00.000Z"]),
    reason=few([None, "one", "two"]),
)


def record_of(attempt: Attempt) -> JobRecord:
    item = attempt.to_item()
    number = item.pop("number")
    return JobRecord.from_item({"job_id": "job", "attempt": number, **item})


records = attempts.map(record_of)
merged = st.lists(records, min_size=1, max_size=5).map(lambda parts: parts[0] if len(parts) == 1 else _merge_all(parts))


def _merge_all(parts: list[JobRecord]) -> JobRecord:
    record = parts[0]
    for part in parts[1:]:
        record = merge_records(record, part)
    return record


@given(merged, merged, merged)
def test_merging_jobs_with_attempts_is_commutative_associative_and_idempotent(
    a: JobRecord, b: JobRecord, c: JobRecord
) -> None:
    assert merge_records(a, b) == merge_records(b, a)
    assert merge_records(merge_records(a, b), c) == merge_records(a, merge_records(b, c))
    assert merge_records(a, a) == a


@given(merged)
def test_a_job_with_attempts_is_the_item_that_it_becomes(record: JobRecord) -> None:
    assert JobRecord.from_item(record.to_item()) == record


@given(merged)
def test_the_latest_attempt_decides_unless_another_has_a_result(record: JobRecord) -> None:
    latest = record.attempts[-1]
    completed = any(attempt.state is JobState.COMPLETED for attempt in record.attempts)

    assert (record.state is JobState.COMPLETED) == (completed and latest.state is not JobState.CANCELLED)
    if record.state is not JobState.COMPLETED:
        assert record.attempt == latest.number


def test_a_job_with_one_attempt_is_stored_as_before_there_were_attempts() -> None:
    item = JobRecord(job_id="job", state=JobState.FAILED, reason="no").to_item()

    assert item == {"job_id": "job", "state": "FAILED", "reason": "no", "overwritable": False}


@given(st.text(max_size=64), st.integers(2, MAXIMUM_ATTEMPTS))
def test_an_attempt_s_id_fits_sagemaker_and_is_the_same_every_time(job_id: str, number: int) -> None:
    assert len(attempt_id(job_id, number)) == 64
    assert is_attempt_id(attempt_id(job_id, number))
    assert attempt_id(job_id, number) == attempt_id(job_id, number) != attempt_id(job_id, number - 1)
    assert attempt_id(job_id, 1) == job_id


@pytest.mark.parametrize("number", [0, -1, MAXIMUM_ATTEMPTS + 1])
def test_a_number_that_no_attempt_has_is_rejected(number: int) -> None:
    with pytest.raises(ValueError, match="a job has from 1 to 999 attempts"):
        attempt_id("job", number)


def test_the_id_of_an_attempt_leads_back_to_its_job_and_other_ids_are_jobs_of_their_own() -> None:
    table = JobsTableWriter(MemoryTable())
    second = JobRecord(job_id="job", state=JobState.RECEIVED, attempt=2, expires_at=9)
    table.merge(second)

    assert table.name_attempt(JobRecord(job_id="job", state=JobState.RECEIVED)) == "job"
    name = table.name_attempt(second)

    assert table.find_attempt(name) == ("job", 2)
    assert table.get(name) == table.get("job") == second
    assert table.find_attempt("job") == ("job", 1)
    unknown = attempt_id("another", 2)
    assert table.find_attempt(unknown) == (unknown, 1)
