"""A cancelled document is never submitted, or the command says that it came too late."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from mypy_boto3_s3.client import S3Client

from async_endpoint.client import JobNotFound, JobsTableReader, StorageError
from async_endpoint.operations.jobs.cancellation import Canceller, CancelOutcome
from async_endpoint.protocol import (
    JobRecord,
    JobsTableWriter,
    JobState,
    S3Location,
    TableResource,
    Upload,
    record_received,
    record_submitted,
    record_waiting,
)
from tests.support.deployed_workflow import DeployedWorkflow
from tests.support.memory_table import MemoryTable

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
UPLOAD = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="eu-central-1", received_at=NOW)
NOBODY = cast("Any", None)
SUBMITTED = record_submitted(
    UPLOAD, at=NOW, content_type=None, output_location="s3://out/1.out", failure_location=None, expires_at=1
)


def canceller(table: TableResource, records: Any = NOBODY, s3: Any = NOBODY, bucket: str = "inputs") -> Canceller:
    return Canceller(
        JobsTableWriter(table),
        records,
        s3,
        inboxes=(S3Location(bucket, "inbox/"), S3Location(bucket, "inbox-urgent/")),
        retention_days=30,
        clock=lambda: NOW,
    )


def claim(now: datetime = NOW) -> JobRecord:
    return record_received(UPLOAD, claimed_until=int(now.timestamp()) + 60, expires_at=1)


def test_a_document_without_a_record_is_cancelled_before_its_event_arrives() -> None:
    table = MemoryTable()

    found = canceller(table).cancel_upload(UPLOAD)

    assert found.outcome is CancelOutcome.UNRECORDED
    assert (found.job.state, found.job.version, found.job.received_at) == (
        "CANCELLED",
        "v1",
        "2026-01-31T12:00:00.000Z",
    )
    assert found.job.expires_at == int((NOW + timedelta(days=30)).timestamp())
    existing = JobsTableWriter(table).claim(claim(), now=NOW.timestamp())
    assert existing == found.job  # the submit function finds nothing to do


def test_a_claim_that_was_faster_makes_the_command_say_that_it_may_be_too_late() -> None:
    table = MemoryTable()
    table.before_update.append(lambda: _claim(table))

    found = canceller(table).cancel_upload(UPLOAD)

    assert found.outcome is CancelOutcome.CLAIMED
    assert "marked CANCELLED while its request was being made, maybe too late" in str(found)
    job = JobsTableWriter(table).merge(SUBMITTED)  # the claimant's request was made
    assert (job.state, job.output_location) == (JobState.CANCELLED, "s3://out/1.out")


def _claim(table: MemoryTable) -> None:
    assert JobsTableWriter(table).claim(claim(), now=NOW.timestamp()) is None


@pytest.mark.parametrize(
    ("record", "outcome", "sentence"),
    [
        (claim(NOW - timedelta(hours=1)), CancelOutcome.WAITING, "cancelled: it will not be submitted."),
        (SUBMITTED, CancelOutcome.SUBMITTED, r"may still run, and its result then stays at s3://out/1\.out\."),
    ],
)
def test_an_open_job_is_cancelled(record: JobRecord, outcome: CancelOutcome, sentence: str) -> None:
    table = MemoryTable()
    JobsTableWriter(table).merge(record)

    found = canceller(table).cancel_upload(UPLOAD)

    assert (found.outcome, found.job.state) == (outcome, JobState.CANCELLED)
    assert re.search(sentence, str(found))
    assert JobsTableWriter(table).get(UPLOAD.job_id) == found.job


@pytest.mark.parametrize(
    ("state", "outcome", "sentence"),
    [
        (JobState.COMPLETED, CancelOutcome.OVER, "is COMPLETED already: there is nothing to cancel."),
        (JobState.FAILED, CancelOutcome.OVER, "is FAILED already: there is nothing to cancel."),
        (JobState.CANCELLED, CancelOutcome.ALREADY, "was cancelled already."),
    ],
)
def test_a_job_that_is_over_stays_so(state: JobState, outcome: CancelOutcome, sentence: str) -> None:
    table = MemoryTable()
    JobsTableWriter(table).merge(replace(SUBMITTED, state=state, ended_at="2026-01-31T11:00:00.000Z"))
    updates = table.updates

    found = canceller(table).cancel_upload(UPLOAD)

    assert (found.outcome, found.job.state, table.updates) == (outcome, state, updates)
    assert str(found).endswith(sentence)


def test_a_dry_run_writes_nothing() -> None:
    table = MemoryTable()
    dry = Canceller(
        JobsTableWriter(table), NOBODY, NOBODY,
        inboxes=(S3Location("inputs", "inbox/"),), retention_days=30, clock=lambda: NOW, dry_run=True,
    )  # fmt: skip

    assert dry.cancel_upload(UPLOAD).outcome is CancelOutcome.UNRECORDED
    assert table.items == {}


def test_the_current_versions_under_a_prefix_are_those_that_the_intake_would_submit(
    deployed: DeployedWorkflow, s3: S3Client
) -> None:
    s3.put_bucket_versioning(Bucket=deployed.bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("inbox/run-1/a", "inbox/run-1/a", "inbox/run-1/gone", "inbox/run-2/b"):
        s3.put_object(Bucket=deployed.bucket, Key=key, Body=b"1")
    s3.delete_object(Bucket=deployed.bucket, Key="inbox/run-1/gone")
    newest = s3.head_object(Bucket=deployed.bucket, Key="inbox/run-1/a")

    found = canceller(deployed.table, s3=s3, bucket=deployed.bucket).uploads(f"s3://{deployed.bucket}/inbox/run-1/")

    assert [(upload.key, upload.version) for upload in found] == [("inbox/run-1/a", newest["VersionId"])]


def test_a_document_outside_the_inbox_is_no_document_to_cancel(deployed: DeployedWorkflow, s3: S3Client) -> None:
    records = JobsTableReader(deployed.table, s3)
    outside = canceller(deployed.table, records, s3, deployed.bucket)
    s3.put_object(Bucket=deployed.bucket, Key="run/a", Body=b"1")

    with pytest.raises(JobNotFound, match="There is no job of the newest version"):
        outside.cancel(f"s3://{deployed.bucket}/run/a")
    with pytest.raises(JobNotFound, match=r"is not in the inbox: name a prefix that begins with s3://.*/inbox/"):
        outside.uploads(f"s3://{deployed.bucket}/")
    with pytest.raises(JobNotFound, match="There is no job 'abc'"):
        outside.cancel("abc")
    with pytest.raises(JobNotFound, match="is not a location in S3"):
        outside.uploads("inbox/")
    with pytest.raises(StorageError, match=r"cannot be listed: .*NoSuchBucket"):
        list(canceller(deployed.table, s3=s3, bucket="no-such-bucket").uploads("s3://no-such-bucket/inbox/a"))


def test_a_document_that_waits_for_admission_is_cancelled_and_stays_so() -> None:
    table = MemoryTable()
    JobsTableWriter(table).merge(record_waiting(UPLOAD, expires_at=4_000_000_000))

    assert canceller(table).cancel_upload(UPLOAD).outcome is CancelOutcome.WAITING
    merged = JobsTableWriter(table).merge(record_waiting(UPLOAD, expires_at=4_000_000_000))
    assert (merged.state, merged.waits_for_admission) == (JobState.CANCELLED, False)
