"""Reads the jobs table: one job by its id or its document, or the jobs in a state, newest first."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.errors import AsyncEndpointError, JobNotFound, RecordsError, StorageError
from async_endpoint.client.wrong_responses import reject_wrong_responses
from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JobRecord,
    JobRecordError,
    JobsTableWriter,
    JobState,
    LocationError,
    S3Location,
    Upload,
    job_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import QueryInputTableQueryTypeDef
    from mypy_boto3_s3.client import S3Client

_AWS_ERRORS = (BotoCoreError, ClientError)
_PAGE = 1000
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class JobsTableReader:
    """The jobs table, read-only.

    Args:
        table: boto3's Table resource.
        s3: A client of `s3`, to find a job by its document.
    """

    def __init__(self, table: Table, s3: S3Client) -> None:
        self._table = table
        self._s3 = s3

    @classmethod
    def from_session(cls, table: str, session: boto3.Session | None = None) -> JobsTableReader:
        """Opens the table of that name; uses boto3's defaults if there is no session.

        Raises:
            AsyncEndpointError: boto3 lacks a setting, such as the region.
        """
        try:
            session = session or boto3.Session()
            opened, s3 = session.resource("dynamodb").Table(table), session.client("s3")
        except BotoCoreError as error:
            raise AsyncEndpointError(f"boto3 cannot reach AWS as configured: {error}") from error
        for client in (opened.meta.client, s3):
            reject_wrong_responses(client.meta.events)
        return cls(opened, s3)

    def get(self, job: str | S3Location) -> JobRecord:
        """Returns the record of a job, read consistently.

        Args:
            job: Its id, or the location of its document (`s3://…` or `https://…`), which means the newest version. A
                deleted document is found while its bucket keeps its versions.

        Raises:
            JobNotFound: There is no such job, or no such document.
            RecordsError: The table could not be read.
            StorageError: S3 could not return the document's version.
        """
        if isinstance(job, str) and not job.startswith(("s3://", "https://", "http://")):
            return self._by_id(job)
        try:
            return self._by_document(S3Location.from_uri(job) if isinstance(job, str) else job)
        except LocationError as error:
            raise JobNotFound(str(error)) from error

    def list(self, state: JobState | None = None, *, limit: int | None = None) -> Iterator[JobRecord]:
        """Yields the jobs in a state, or in all states, ordered by when they reached it, newest first.

        Reads pages on demand, never more than `limit` jobs. The table's index lags slightly behind its writes, so a job
        that changes its state may appear twice, or not at all, in a list of all states.

        Raises:
            RecordsError: The table could not be read.
        """
        states = [state] if state else list(JobState)
        newest_first = heapq.merge(
            *(self._in_state(each, limit) for each in states), key=lambda record: record.updated_at or "", reverse=True
        )
        return islice(newest_first, limit)

    def _by_id(self, job: str) -> JobRecord:
        record = self._read(job)
        if record is None:
            raise JobNotFound(
                f"There is no job {job!r} in the table {self._table.name}: it never existed, or its record has expired."
            )
        return record

    def _by_document(self, location: S3Location) -> JobRecord:
        version = self._newest_version(location)
        if version is not None and (record := self._read(job_id(location.bucket, location.key, version))):
            return record
        # The client uploads into a folder with the name of the job: see `Document.upload_location`.
        folder = location.key.rpartition("/")[0].rpartition("/")[2]
        record = self._read(folder) if folder else None
        if record is not None and (record.bucket, record.key) == (location.bucket, location.key):
            return record
        if version is None:
            raise JobNotFound(f"There is no document {location}, and no known job of it: use the job's id.")
        raise JobNotFound(
            f"There is no job of the newest version of {location} in the table {self._table.name}: the document was "
            "not uploaded to the inbox, or its event has not arrived yet."
        )

    def _read(self, job: str) -> JobRecord | None:
        try:
            return JobsTableWriter(self._table).get(job)
        except (*_AWS_ERRORS, JobRecordError) as error:
            raise self._unreadable(error) from error

    def _in_state(self, state: JobState, limit: int | None) -> Iterator[JobRecord]:
        query: QueryInputTableQueryTypeDef = {
            "IndexName": JOBS_BY_STATE_INDEX,
            "KeyConditionExpression": Key(JOBS_BY_STATE_PARTITION_KEY).eq(state.value),
            "ScanIndexForward": False,
            "Limit": min(limit or _PAGE, _PAGE),
        }
        try:
            while True:
                page = self._table.query(**query)
                yield from map(JobRecord.from_item, page["Items"])
                if "LastEvaluatedKey" not in page:
                    return
                query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        except (*_AWS_ERRORS, JobRecordError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> RecordsError:
        return RecordsError(f"The jobs table {self._table.name} cannot be read: {error}")

    def _newest_version(self, location: S3Location) -> str | None:
        """Returns the version that identifies the job, like `Upload.version`; None if there never was an object."""
        try:
            found = self._s3.head_object(Bucket=location.bucket, Key=location.key)
            return Upload.version_of(found.get("VersionId"), found["ETag"])
        except ClientError as error:
            if error.response["Error"].get("Code") not in _MISSING:
                raise StorageError(f"The version of {location} cannot be read: {error}") from error
        except BotoCoreError as error:
            raise StorageError(f"The version of {location} cannot be read: {error}") from error
        return self._newest_deleted(location)

    def _newest_deleted(self, location: S3Location) -> str | None:
        """Returns the newest version under a delete marker, or None; None also if the versions cannot be listed."""
        try:
            page = self._s3.list_object_versions(Bucket=location.bucket, Prefix=location.key, MaxKeys=10)
        except _AWS_ERRORS:
            return None
        # S3 lists the versions of a key newest first.
        versions: Iterable[str] = (
            Upload.version_of(each["VersionId"], each["ETag"])
            for each in page.get("Versions", [])
            if each["Key"] == location.key
        )
        return next(iter(versions), None)
