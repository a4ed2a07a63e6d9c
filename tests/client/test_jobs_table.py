"""The jobs table read back: by id, by document, by state; and the two commands that do so."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.client import AsyncEndpointError, JobNotFound, JobsTableReader, RecordsError, StorageError
from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JobRecord,
    JobState,
    JobTable,
    S3Location,
    Upload,
    build_failure,
    build_success,
    ended,
    parse,
    received,
    rejected,
    submitted,
    utc_timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.usefixtures("local_services")

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NEVER = 4_000_000_000


@pytest.fixture
def table(local_services: None) -> Iterator[Table]:
    del local_services  # sets boto3's environment
    dynamodb = boto3.resource("dynamodb")
    table = dynamodb.create_table(
        TableName=f"jobs-{uuid.uuid4().hex}",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in (JOBS_PARTITION_KEY, JOBS_BY_STATE_PARTITION_KEY, JOBS_BY_STATE_SORT_KEY)
        ],
        KeySchema=[{"AttributeName": JOBS_PARTITION_KEY, "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": JOBS_BY_STATE_INDEX,
                "KeySchema": [
                    {"AttributeName": JOBS_BY_STATE_PARTITION_KEY, "KeyType": "HASH"},
                    {"AttributeName": JOBS_BY_STATE_SORT_KEY, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    yield table
    dynamodb.meta.client.close()


@pytest.fixture
def records(table: Table, s3: S3Client) -> JobsTableReader:
    return JobsTableReader(table, s3)


@pytest.fixture
def put(table: Table, s3: S3Client, bucket: str) -> Callable[[str], Upload]:
    """Puts a document and records it as received, as the intake does."""

    def put(key: str) -> Upload:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=uuid.uuid4().bytes)
        upload = Upload(
            bucket=bucket,
            key=key,
            version=Upload.version_of(answer.get("VersionId"), answer["ETag"]),
            region="ap-northeast-1",
            received_at=NOON,
        )
        JobTable(table).merge(received(upload, claimed_until=NEVER, expires_at=NEVER))
        return upload

    return put


def failed(job: str, at: datetime, reason: str = "ClientError: no image") -> JobRecord:
    message = build_failure(
        inference_id=job,
        endpoint_name="receipts",
        failure_reason=reason,
        region="ap-northeast-1",
        received_time=NOON,
        event_time=at,
        failure_location="s3://out/failures/1-error.out",
    )
    return ended(parse(message), at=at, expires_at=NEVER)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


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
    records: JobsTableReader, table: Table, s3: S3Client, bucket: str
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
    JobTable(table).merge(ended(parse(message), at=NOON, expires_at=NEVER))

    assert records.get(place).job_id == job
    with pytest.raises(JobNotFound, match="not put into the inbox"):
        records.get(f"s3://{bucket}/other/{job}/receipt.png")


def test_what_is_not_there_is_told_apart(records: JobsTableReader, table: Table, s3: S3Client, bucket: str) -> None:
    for key in ("elsewhere/a.png", "inbox/none.png.bak"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")

    with pytest.raises(JobNotFound, match=f"There is no job 'abc' in the table {table.name}: "):
        records.get("abc")
    with pytest.raises(JobNotFound, match=r"There is no document s3://.*/inbox/none\.png"):
        records.get(f"s3://{bucket}/inbox/none.png")
    with pytest.raises(JobNotFound, match="There is no job of the newest version of"):
        records.get(f"s3://{bucket}/elsewhere/a.png")
    with pytest.raises(JobNotFound, match="names a bucket but no object"):
        records.get(f"s3://{bucket}")


def test_what_aws_refuses_is_an_error_of_the_clients(
    s3: S3Client, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = JobsTableReader.of_session(f"gone-{uuid.uuid4().hex}")
    dead = boto3.client("s3", endpoint_url="http://localhost:9", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(RecordsError, match=r"cannot be read: .*ResourceNotFound"):
        gone.get("abc")
    with pytest.raises(RecordsError, match=r"cannot be read: .*ResourceNotFound"):
        next(gone.list(JobState.FAILED))
    with pytest.raises(StorageError, match="The version of s3://"):
        JobsTableReader(table, dead).get(S3Location("inputs", "a"))
    table.put_item(Item={JOBS_PARTITION_KEY: "odd", "state": "DREAMING"})
    with pytest.raises(RecordsError, match="DREAMING"):
        JobsTableReader(table, s3).get("odd")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AsyncEndpointError, match="region"):
        JobsTableReader.of_session("jobs")


def test_a_state_is_listed_newest_first_over_all_pages_and_no_further_than_the_limit(
    records: JobsTableReader, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_endpoint.client.jobs_table._PAGE", 3)
    for number in range(8):
        JobTable(table).merge(failed(f"job-{number}", NOON + timedelta(seconds=number)))

    assert [record.job_id for record in records.list(JobState.FAILED)] == [f"job-{n}" for n in range(7, -1, -1)]
    assert [record.job_id for record in records.list(JobState.FAILED, limit=4)] == ["job-7", "job-6", "job-5", "job-4"]
    assert list(records.list(JobState.COMPLETED)) == []


def test_without_a_state_all_jobs_come_newest_first(
    records: JobsTableReader, table: Table, put: Callable[[str], Upload]
) -> None:
    upload = put("inbox/a.png")
    for number in (-1, 1):
        JobTable(table).merge(failed(f"job-{number}", NOON + timedelta(seconds=number)))

    assert [record.job_id for record in records.list()] == ["job-1", upload.job_id, "job--1"]
    assert [record.job_id for record in records.list(limit=2)] == ["job-1", upload.job_id]


def test_status_shows_what_is_known_and_nothing_else(table: Table, put: Callable[[str], Upload]) -> None:
    upload = put("inbox/a.png")
    JobTable(table).merge(
        submitted(
            upload,
            at=NOON + timedelta(seconds=1),
            content_type="image/png",
            output_location="s3://out/results/1.out",
            failure_location="s3://out/failures/1-error.out",
            expires_at=NEVER,
        )
    )
    waiting = command("status", upload.job_id, "--table", table.name)
    JobTable(table).merge(failed(upload.job_id, NOON + timedelta(seconds=9), "[red]no[/red]\n\x1b[2Jimage"))
    over = command("status", f"s3://{upload.bucket}/inbox/a.png", "--table", table.name)

    assert (waiting.exit_code, over.exit_code) == (0, 0)
    assert rows(waiting) == {
        "job": upload.job_id,
        "state": "SUBMITTED",
        "document": f"s3://{upload.bucket}/inbox/a.png",
        "version": upload.version,
        "received": utc_timestamp(NOON),
        "submitted": "2026-01-31T12:00:01.000Z",
        "note": "The bucket keeps no versions: the key may hold another document by now, which is another job.",
    }
    assert rows(over)["state"] == "FAILED"
    assert rows(over)["reason"] == "[red]no[/red]  [2Jimage"
    assert rows(over)["error"] == "s3://out/failures/1-error.out"
    assert rows(over)["ended"] == "2026-01-31T12:00:09.000Z"


def rows(result: Result) -> dict[str, str]:
    """What each line of `status` begins with, and the rest of it."""
    return {
        name: value.strip() for name, _, value in (line.strip().partition(" ") for line in result.stdout.splitlines())
    }


def test_status_in_json_is_the_record(table: Table, put: Callable[[str], Upload]) -> None:
    upload = put("inbox/店.png")
    JobTable(table).merge(rejected(upload, "The document is empty.", at=NOON, expires_at=NEVER))

    result = command("status", upload.job_id, "--table", table.name, "--json")

    assert result.exit_code == 0
    record = JobRecord.from_item(json.loads(result.stdout))
    assert record == JobTable(table).get(upload.job_id)
    assert "店" in result.stdout


def test_a_job_that_is_not_there_is_a_sentence_and_exit_code_1(table: Table) -> None:
    result = command("status", "abc", "--table", table.name)

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: There is no job 'abc' in the table {table.name}: it was never seen, or is forgotten by now.\n"
    )


def test_jobs_lists_a_state_readably_and_as_lines_of_json(table: Table) -> None:
    for number in range(3):
        JobTable(table).merge(failed(f"job-{number}", NOON + timedelta(seconds=number), reason=f"[red]{number}[/red]"))

    listed = command("jobs", "--state", "failed", "--table", table.name)
    lines = command("jobs", "--table", table.name, "--limit", "2", "--json")

    assert listed.exit_code == lines.exit_code == 0
    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [
        [f"2026-01-31T12:00:0{number}.000Z", "FAILED", f"job-{number}", f"[red]{number}[/red]"] for number in (2, 1, 0)
    ]
    assert [json.loads(line)["job_id"] for line in lines.stdout.splitlines()] == ["job-2", "job-1"]


def test_no_jobs_are_no_error(table: Table) -> None:
    assert command("jobs", "--state", "EXPIRED", "--table", table.name).stdout == "No job is EXPIRED.\n"
    assert command("jobs", "--table", table.name).stdout == "There are no jobs.\n"
    assert command("jobs", "--table", table.name, "--json").stdout == ""


def test_a_stack_names_the_table(table: Table) -> None:
    JobTable(table).merge(failed("job-1", NOON))
    cloudformation, name = boto3.client("cloudformation"), f"test-{uuid.uuid4().hex[:8]}"
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"JobsTableName": {"Value": table.name}},
    }
    for stack, content in ((name, template), (f"{name}-without", {"Resources": template["Resources"]})):
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(content))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    cloudformation.close()

    found = command("jobs", "--stack", name, "--json")
    without = command("jobs", "--stack", f"{name}-without")
    missing = command("status", "job-1", "--stack", f"{name}-missing")
    neither = command("status", "job-1")

    assert json.loads(found.stdout)["job_id"] == "job-1"
    assert (without.exit_code, missing.exit_code, neither.exit_code) == (2, 1, 2)
    assert "has no output JobsTableName" in without.stderr
    assert f"The outputs of stack {name}-missing cannot be read" in missing.stderr
    assert "Name the jobs table by --table" in neither.stderr
