"""The jobs table read by id, by document and by state."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from async_endpoint.client import AsyncEndpointError, JobNotFound, JobsTableReader, RecordsError, StorageError
from async_endpoint.protocol import (
    JOBS_PARTITION_KEY,
    JobsTableWriter,
    JobState,
    S3Location,
    Upload,
    build_success,
    parse_notification,
    record_outcome,
)
from tests.support.jobs_table import NEVER, NOON, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.usefixtures("local_services")


@pytest.fixture
def records(jobs_table: Table, s3: S3Client) -> JobsTableReader:
    return JobsTableReader(jobs_table, s3)


def test_a_job_is_found_by_its_id_and_by_its_document(records: JobsTableReader, put: Callable[[str], Upload]) -> None:
    upload = put("inbox/レシート + 100%.png")
    place = S3Location(upload.bucket, upload.key)

    assert records.get(upload.job_id).state is JobState.RECEIVED
    assert records.get(upload.job_id) == records.get(place) == records.get(place.uri)


@pytest.mark.parametrize("versioned", [True, False])
def test_a_document_means_its_newest_version(
    records: JobsTableReader, put: Callable[[str], Upload], s3: S3Client, bucket: str, *, versioned: bool
) -> None:
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first, second = put("inbox/a.png"), put("inbox/a.png")

    assert first.job_id != second.job_id
    assert records.get(f"s3://{bucket}/inbox/a.png").job_id == second.job_id
    assert records.get(first.job_id).overwritable is not versioned


def test_a_document_under_a_delete_marker_is_still_found_by_its_place(
    records: JobsTableReader, put: Callable[[str], Upload], s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put("inbox/a.png")
    newest = put("inbox/a.png")
    put("inbox/a.png.bak")
    s3.delete_object(Bucket=bucket, Key="inbox/a.png")

    assert records.get(f"s3://{bucket}/inbox/a.png").job_id == newest.job_id


def test_a_document_that_the_client_uploaded_is_found_by_the_folder_that_is_its_id(
    records: JobsTableReader, jobs_table: Table, s3: S3Client, bucket: str
) -> None:
    job = uuid.uuid4().hex
    place = f"s3://{bucket}/run/{job}/receipt.png"
    s3.put_object(Bucket=bucket, Key=f"run/{job}/receipt.png", Body=b"1")
    s3.put_object(Bucket=bucket, Key=f"other/{job}/receipt.png", Body=b"1")
    message = build_success(
        inference_id=job,
        endpoint_name="receipts",
        input_location=place,
        output_location="s3://out/results/1.out",
        region="ap-northeast-1",
        received_time=NOON,
        event_time=NOON,
    )
    JobsTableWriter(jobs_table).merge(record_outcome(parse_notification(message), at=NOON, expires_at=NEVER))

    assert records.get(place).job_id == job
    with pytest.raises(JobNotFound, match="not uploaded to the inbox"):
        records.get(f"s3://{bucket}/other/{job}/receipt.png")


def test_each_missing_thing_has_its_own_message(
    records: JobsTableReader, jobs_table: Table, s3: S3Client, bucket: str
) -> None:
    for key in ("elsewhere/a.png", "inbox/none.png.bak"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")

    with pytest.raises(JobNotFound, match=f"There is no job 'abc' in the table {jobs_table.name}: "):
        records.get("abc")
    with pytest.raises(JobNotFound, match=r"There is no document s3://.*/inbox/none\.png"):
        records.get(f"s3://{bucket}/inbox/none.png")
    with pytest.raises(JobNotFound, match="There is no job of the newest version of"):
        records.get(f"s3://{bucket}/elsewhere/a.png")
    with pytest.raises(JobNotFound, match="names a bucket but no object"):
        records.get(f"s3://{bucket}")


def test_errors_of_aws_are_errors_of_the_client(
    s3: S3Client, jobs_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = JobsTableReader.from_session(f"gone-{uuid.uuid4().hex}")
    dead = boto3.client("s3", endpoint_url="http://localhost:9", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(RecordsError, match=r"cannot be read: .*ResourceNotFound"):
        gone.get("abc")
    with pytest.raises(RecordsError, match=r"cannot be read: .*ResourceNotFound"):
        next(gone.list(JobState.FAILED))
    with pytest.raises(StorageError, match="The version of s3://"):
        JobsTableReader(jobs_table, dead).get(S3Location("inputs", "a"))
    jobs_table.put_item(Item={JOBS_PARTITION_KEY: "odd", "state": "DREAMING"})
    with pytest.raises(RecordsError, match="DREAMING"):
        JobsTableReader(jobs_table, s3).get("odd")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AsyncEndpointError, match="region"):
        JobsTableReader.from_session("jobs")


def test_a_state_is_listed_newest_first_over_all_pages_and_no_further_than_the_limit(
    records: JobsTableReader, jobs_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_endpoint.client.jobs_table_reader._PAGE", 3)
    for number in range(8):
        JobsTableWriter(jobs_table).merge(failed(f"job-{number}", NOON + timedelta(seconds=number)))

    assert [record.job_id for record in records.list(JobState.FAILED)] == [f"job-{n}" for n in range(7, -1, -1)]
    assert [record.job_id for record in records.list(JobState.FAILED, limit=4)] == ["job-7", "job-6", "job-5", "job-4"]
    assert list(records.list(JobState.COMPLETED)) == []


def test_without_a_state_all_jobs_come_newest_first(
    records: JobsTableReader, jobs_table: Table, put: Callable[[str], Upload]
) -> None:
    upload = put("inbox/a.png")
    for number in (-1, 1):
        JobsTableWriter(jobs_table).merge(failed(f"job-{number}", NOON + timedelta(seconds=number)))

    assert [record.job_id for record in records.list()] == ["job-1", upload.job_id, "job--1"]
    assert [record.job_id for record in records.list(limit=2)] == ["job-1", upload.job_id]
