"""A jobs table over HTTP, and records for it."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JobRecord,
    JobsTableWriter,
    Upload,
    build_failure,
    parse_notification,
    record_outcome,
    record_received,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NEVER = 4_000_000_000


@pytest.fixture
def jobs_table(aws_url: str, session: boto3.Session) -> Iterator[Table]:
    """An empty jobs table with its index."""
    resource = session.resource("dynamodb", endpoint_url=aws_url, config=Config(max_pool_connections=64))
    names = (JOBS_PARTITION_KEY, JOBS_BY_STATE_PARTITION_KEY, JOBS_BY_STATE_SORT_KEY)
    yield resource.create_table(
        TableName=f"jobs-{uuid.uuid4().hex}",
        KeySchema=[{"AttributeName": JOBS_PARTITION_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
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
        BillingMode="PAY_PER_REQUEST",
    )
    resource.meta.client.close()


@pytest.fixture
def put(jobs_table: Table, s3: S3Client, bucket: str) -> Callable[[str], Upload]:
    """Uploads a document and records it as received, like the intake."""

    def put(key: str) -> Upload:
        response = s3.put_object(Bucket=bucket, Key=key, Body=uuid.uuid4().bytes)
        upload = Upload(
            bucket=bucket,
            key=key,
            version=Upload.version_of(response.get("VersionId"), response["ETag"]),
            region="ap-northeast-1",
            received_at=NOON,
        )
        JobsTableWriter(jobs_table).merge(record_received(upload, claimed_until=NEVER, expires_at=NEVER))
        return upload

    return put


def failed(job: str, at: datetime, reason: str = "ClientError: no image") -> JobRecord:
    """The record of a job that failed at a time."""
    message = build_failure(
        inference_id=job,
        endpoint_name="receipts",
        failure_reason=reason,
        region="ap-northeast-1",
        received_time=NOON,
        event_time=at,
        failure_location="s3://out/failures/1-error.out",
    )
    return record_outcome(parse_notification(message), at=at, expires_at=NEVER)
