"""What the jobs table says: one job by its id or its document, or the jobs in a state, newest first."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.errors import AsyncEndpointError, JobNotFound, RecordsError, StorageError
from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JobRecord,
    JobRecordError,
    JobState,
    JobTable,
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
    """The jobs table, for whoever asks what became of a document; writes nothing.

    Args:
        table: boto3's Table resource.
        s3: A client of `s3`; used only to ask for a job by its document.
    """

    def __init__(self, table: Table, s3: S3Client) -> None:
        self._table = table
        self._s3 = s3

    @classmethod
    def of_session(cls, table: str, session: boto3.Session | None = None) -> JobsTableReader:
        """Take the table of that name, by boto3's defaults where no session is given.

        Raises:
            AsyncEndpointError: boto3 lacks something, such as a region.
        """
        try:
            session = session or boto3.Session()
            return cls(session.resource("dynamodb").Table(table), session.client("s3"))
        except BotoCoreError as error:
            raise AsyncEndpointError(f"boto3 cannot reach AWS as configured: {error}") from error

    def get(self, job: str | S3Location) -> JobRecord:
        """What is recorded of a job, as the last write left it.

        Args:
            job: Its id; or where its document lies (`s3://…` or `https://…`), which means the newest version there. A
                document that was deleted since is found while its bucket keeps its versions.

        Raises:
            JobNotFound: There is no such job, or no such document.
            RecordsError: The table could not be read.
            StorageError: S3 could not be asked for the document's version.
        """
        if isinstance(job, str) and not job.startswith(("s3://", "https://", "http://")):
            return self._of_id(job)
        try:
            return self._of_document(S3Location.parse(job) if isinstance(job, str) else job)
        except LocationError as error:
            raise JobNotFound(str(error)) from error

    def list(self, state: JobState | None = None, *, limit: int | None = None) -> Iterator[JobRecord]:
        """The jobs in a state, or in any, by the time they reached it, newest first.

        Reads on as the caller does, never more than `limit`. The table's index is a moment behind its writes, so that
        a job on its way from one state to the next may come twice, or not at all, when all states are asked for.

        Raises:
            RecordsError: The table could not be read.
        """
        states = [state] if state else list(JobState)
        newest_first = heapq.merge(
            *(self._in_state(each, limit) for each in states), key=lambda record: record.updated_at or "", reverse=True
        )
        return islice(newest_first, limit)

    def _of_id(self, job: str) -> JobRecord:
        record = self._read(job)
        if record is None:
            raise JobNotFound(
                f"There is no job {job!r} in the table {self._table.name}: it was never seen, or is forgotten by now."
            )
        return record

    def _of_document(self, place: S3Location) -> JobRecord:
        version = self._newest_version(place)
        if version is not None and (record := self._read(job_id(place.bucket, place.key, version))):
            return record
        # The client uploads into a folder that is called as the job: see `Document.upload_key`.
        folder = place.key.rpartition("/")[0].rpartition("/")[2]
        record = self._read(folder) if folder else None
        if record is not None and (record.bucket, record.key) == (place.bucket, place.key):
            return record
        if version is None:
            raise JobNotFound(f"There is no document {place}, and no job of it is known: ask by the job's id.")
        raise JobNotFound(
            f"There is no job of the newest version of {place} in the table {self._table.name}: the document was not "
            "put into the inbox, or its upload is not yet seen."
        )

    def _read(self, job: str) -> JobRecord | None:
        try:
            return JobTable(self._table).get(job)
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

    def _newest_version(self, place: S3Location) -> str | None:
        """The version that names the job, as `Upload.version` has it; None if there never was such an object."""
        try:
            found = self._s3.head_object(Bucket=place.bucket, Key=place.key)
            return Upload.version_of(found.get("VersionId"), found["ETag"])
        except ClientError as error:
            if error.response["Error"].get("Code") not in _MISSING:
                raise StorageError(f"The version of {place} cannot be asked for: {error}") from error
        except BotoCoreError as error:
            raise StorageError(f"The version of {place} cannot be asked for: {error}") from error
        return self._newest_deleted(place)

    def _newest_deleted(self, place: S3Location) -> str | None:
        """The newest version under a delete marker; None too where one may not list versions."""
        try:
            page = self._s3.list_object_versions(Bucket=place.bucket, Prefix=place.key, MaxKeys=10)
        except _AWS_ERRORS:
            return None
        # Versions of a key come newest first.
        versions: Iterable[str] = (
            Upload.version_of(each["VersionId"], each["ETag"])
            for each in page.get("Versions", [])
            if each["Key"] == place.key
        )
        return next(iter(versions), None)
