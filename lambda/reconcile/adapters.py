"""The ports on boto3. Each client is made once, when the function's environment starts."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    OLDEST_SUBMITTED,
    OVERDUE_JOBS,
    WAITS_FOR_ADMISSION,
    WAKE_NAMESPACE,
    AttemptRequest,
    JobRecord,
    JobState,
    S3Location,
    Upload,
    utc_timestamp,
)
from reconcile.logic import Reconciler
from reconcile.ports import Page, Stored, Waiting
from shared.admission_adapters import make_admitter
from shared.clients import SHORT_TIMEOUTS
from shared.outcome_adapters import make_outcome_writer
from shared.queues import messages_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

    from reconcile.settings import Settings

_AT_ONCE = 8  # botocore's pool has 10 connections
_PAGE = 1000  # the most that ListObjectVersions returns
_MARKER = "inbox_marker"
_MOST_PAGES = 20  # of a megabyte at most: some ten thousand jobs that wait for admission


class JobsTable:
    """The jobs table, and in it the item that remembers where the last run stopped."""

    def __init__(self, table: Table, *, memory_key: str) -> None:
        self._table = table
        self._memory = {JOBS_PARTITION_KEY: memory_key}

    def oldest(self, state: JobState, *, before: datetime, limit: int) -> Iterator[JobRecord]:
        """Queries the index. It lags slightly, and the jobs' writes are checked against the table itself."""
        query: dict[str, Any] = {
            "IndexName": JOBS_BY_STATE_INDEX,
            "KeyConditionExpression": Key(JOBS_BY_STATE_PARTITION_KEY).eq(state.value)
            & Key(JOBS_BY_STATE_SORT_KEY).lt(utc_timestamp(before)),
            "FilterExpression": Attr("claimed_until").not_exists() | Attr("claimed_until").ne(WAITS_FOR_ADMISSION),
        }
        if state is not JobState.RECEIVED:
            # Only a job that is not submitted yet can wait for admission, and a limit bounds what is read before the
            # filter.
            query |= {"Limit": limit}
        count = 0
        for _ in range(_MOST_PAGES):
            page = self._table.query(**query)
            for item in page["Items"][: limit - count]:
                count += 1
                yield JobRecord.from_item(item)
            if count >= limit or "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def known(self, job_ids: Iterable[str]) -> set[str]:
        """Calls GetItem for each id: the function may read the table one by one, like every function here."""
        ids = list(job_ids)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda job_id: self._get({JOBS_PARTITION_KEY: job_id}), ids)
            return {job_id for job_id, item in zip(ids, found, strict=True) if item}

    def marker(self) -> str | None:
        """Calls GetItem."""
        item = self._get(self._memory)
        return str(item[_MARKER]) if item and item.get(_MARKER) else None

    def put_marker(self, marker: str | None) -> None:
        """Calls UpdateItem. Two runs at once only look at a part of the inbox twice."""
        self._table.update_item(
            Key=self._memory,
            UpdateExpression=f"SET {_MARKER} = :marker",
            ExpressionAttributeValues={":marker": marker},
        )

    def _get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        # The client is safe to share between threads, the resource is not.
        client, name = self._table.meta.client, self._table.name
        return client.get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")


class StoredObjects:
    """The results, the failures and the inbox in S3."""

    def __init__(self, s3: S3Client, settings: Settings) -> None:
        self._s3 = s3
        self._settings = settings

    def stored_at(self, location: S3Location) -> datetime | None:
        """Calls HeadObject. For a missing object S3 returns 404 if the caller may list the bucket, else 403."""
        try:
            return self._s3.head_object(Bucket=location.bucket, Key=location.key)["LastModified"]
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.NOT_FOUND:
                return None
            raise

    def inbox(self, marker: str | None) -> Page:
        """Calls ListObjectVersions for what both prefixes begin with, and makes one of its markers."""
        settings = self._settings
        prefixes = (settings.inbox_prefix, settings.urgent_prefix)
        common = commonprefix(prefixes)  # noqa: RUF071 - S3 compares keys by characters, too
        key, version = json.loads(marker) if marker else ("", "")
        more: dict[str, Any] = {"KeyMarker": key, "VersionIdMarker": version} if key else {}
        found = self._s3.list_object_versions(Bucket=settings.inbox_bucket, Prefix=common, MaxKeys=_PAGE, **more)
        documents = tuple(
            Stored(
                Upload(
                    bucket=settings.inbox_bucket,
                    key=each["Key"],
                    version=Upload.version_of(each.get("VersionId"), each["ETag"]),
                    region=settings.region,
                    received_at=each["LastModified"],
                ),
                each["Size"],
                each["ETag"],
            )
            for each in found.get("Versions", ())
            if each["Key"].startswith(prefixes)
        )
        if not found.get("IsTruncated"):
            return Page(documents, None)
        return Page(documents, json.dumps([found["NextKeyMarker"], found.get("NextVersionIdMarker", "")]))


class IntakeQueues:
    """The two queues of the intake and their DLQs: documents go to the queue to which their upload's event goes."""

    def __init__(self, sqs: SQSClient, settings: Settings) -> None:
        self._sqs = sqs
        self._settings = settings

    def waiting(self) -> int:
        """Calls GetQueueAttributes for each queue."""
        return self._messages(self._settings.intake_queue, self._settings.urgent_queue)

    def dead(self) -> int:
        """Calls GetQueueAttributes for each DLQ."""
        return self._messages(self._settings.intake_dead_letters, self._settings.urgent_dead_letters)

    def announce(self, document: Stored) -> None:
        """Sends what EventBridge would have sent."""
        upload = document.upload
        created: dict[str, Any] = {"key": upload.key, "size": document.size, "etag": document.etag.strip('"')}
        if not upload.overwritable:
            created["version-id"] = upload.version
        event = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": upload.received_at.isoformat(),
            "region": upload.region,
            "detail": {"bucket": {"name": upload.bucket}, "object": created, "reason": "sent again: no job was found"},
        }
        self._send(upload.key, json.dumps(event))

    def request(self, job: JobRecord) -> None:
        """Sends the request for the job's attempt."""
        self._send(job.key or "", AttemptRequest(job.job_id, job.attempt).to_message())

    def _messages(self, *urls: str) -> int:
        return sum(messages_in(self._sqs, url) for url in urls)

    def _send(self, key: str, body: str) -> None:
        urgent = key.startswith(self._settings.urgent_prefix)
        url = self._settings.urgent_queue if urgent else self._settings.intake_queue
        self._sqs.send_message(QueueUrl=url, MessageBody=body)


class JobMetrics:
    """The metrics of the jobs in CloudWatch."""

    def __init__(self, cloudwatch: CloudWatchClient, endpoint: str) -> None:
        self._cloudwatch = cloudwatch
        self._dimensions: Any = [{"Name": "EndpointName", "Value": endpoint}]

    def put(self, waiting: Waiting) -> None:
        """Calls PutMetricData once."""
        figures = (
            (OLDEST_SUBMITTED, "Seconds", waiting.oldest.total_seconds()),
            (OVERDUE_JOBS, "Count", float(waiting.overdue)),
        )
        data: Any = [
            {"MetricName": name, "Dimensions": self._dimensions, "Timestamp": waiting.at, "Unit": unit, "Value": value}
            for name, unit, value in figures
        ]
        self._cloudwatch.put_metric_data(Namespace=WAKE_NAMESPACE, MetricData=data)


def time_of(event: dict[str, Any]) -> datetime:
    """Returns for when a scheduled event was due, or now for an event without a time."""
    return datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)


def make_reconciler(settings: Settings) -> Reconciler:
    """Returns the reconciler for the function's own account and region."""
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    return Reconciler(
        jobs=JobsTable(table, memory_key=settings.memory_key),
        objects=StoredObjects(boto3.client("s3", config=SHORT_TIMEOUTS), settings),
        messages=IntakeQueues(boto3.client("sqs", config=SHORT_TIMEOUTS), settings),
        outcomes=make_outcome_writer(
            table,
            intake_queue=settings.intake_queue,
            max_submissions=settings.max_submissions,
            delay_seconds=settings.retry_delay_seconds,
        ),
        measurements=JobMetrics(boto3.client("cloudwatch", config=SHORT_TIMEOUTS), settings.endpoint_name),
        admit=make_admitter(table, settings.urgent_queue).ask,
        settings=settings,
        clock=time.monotonic,
    )
