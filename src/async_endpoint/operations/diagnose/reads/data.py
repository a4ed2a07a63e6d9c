"""The data: the jobs table, the buckets and the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from async_endpoint.operations.diagnose.facts import BucketFacts, Ended, JobsFacts, KeyFacts
from async_endpoint.operations.diagnose.reads.policies import OBJECTS, denials_of
from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JobRecord,
    JobState,
    utc_timestamp,
)

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.facts import StageNames
    from async_endpoint.operations.diagnose.reads.clients import Clients

_PAGE = 1000
_ENDED = 200
_READ = TypeDeserializer().deserialize


def read_table_status(clients: Clients, names: StageNames) -> str | None:
    """Returns the status of the jobs table; None if it is gone, or if the stacks have none."""
    table = names.outputs.get("JobsTableName")
    if not table:
        return None
    try:
        status: str = clients["dynamodb"].describe_table(TableName=table)["Table"]["TableStatus"]
    except ClientError as error:
        if error.response["Error"].get("Code") == "ResourceNotFoundException":
            return None
        raise
    return status


def read_jobs(clients: Clients, names: StageNames, since: datetime) -> JobsFacts:
    """Returns the open jobs, and those that ended without a result; nothing if there is no table."""
    table = names.outputs.get("JobsTableName")
    if not table:
        return JobsFacts()
    try:
        submitted = _in_state(clients, table, JobState.SUBMITTED, _PAGE, oldest_first=True)
        received = _in_state(clients, table, JobState.RECEIVED, _PAGE, oldest_first=True)
        ended = [
            job
            for state in (JobState.FAILED, JobState.EXPIRED)
            for job in _in_state(clients, table, state, _ENDED)
            if (job.ended_at or "") >= utc_timestamp(since)
        ]
    except ClientError as error:
        if error.response["Error"].get("Code") == "ResourceNotFoundException":
            return JobsFacts()
        raise
    ended.sort(key=lambda job: job.ended_at or "", reverse=True)
    return JobsFacts(
        submitted=len(submitted),
        received=len(received),
        admission=sum(job.waits_for_admission for job in received),
        oldest_submitted=_oldest(submitted),
        oldest_received=_oldest(received),
        ended=tuple(
            Ended(job_id=job.job_id, state=job.state, reason=job.reason or "", ended_at=job.ended_at or "")
            for job in ended
        ),
    )


def _in_state(
    clients: Clients, table: str, state: JobState, limit: int, *, oldest_first: bool = False
) -> list[JobRecord]:
    """Returns jobs in a state, at most `limit`, in the order of the time at which they reached it."""
    found = clients["dynamodb"].query(
        TableName=table,
        IndexName=JOBS_BY_STATE_INDEX,
        KeyConditionExpression="#state = :state",
        ExpressionAttributeNames={"#state": JOBS_BY_STATE_PARTITION_KEY},
        ExpressionAttributeValues={":state": {"S": state.value}},
        ScanIndexForward=oldest_first,
        Limit=limit,
    )["Items"]
    return [JobRecord.from_item({name: _READ(value) for name, value in item.items()}) for item in found]


def _oldest(jobs: list[JobRecord]) -> datetime | None:
    times = [job.updated_at for job in jobs if job.updated_at]
    return datetime.fromisoformat(min(times)).astimezone(UTC) if times else None


def read_buckets(clients: Clients, names: StageNames) -> tuple[BucketFacts, ...]:
    """Returns the stage's input and output bucket."""
    inputs, outputs = names.outputs.get("InputBucketName"), names.outputs.get("OutputBucketName")
    has_inbox = "InboxLocation" in names.outputs
    return tuple(
        _bucket(clients, bucket, asks_for_events=has_inbox and bucket == inputs)
        for bucket in dict.fromkeys(each for each in (inputs, outputs) if each)
    )


def _bucket(clients: Clients, name: str, *, asks_for_events: bool) -> BucketFacts:
    s3 = clients["s3"]
    try:
        policy = s3.get_bucket_policy(Bucket=name)["Policy"]
    except ClientError as error:
        code = error.response["Error"].get("Code")
        if code == "NoSuchBucket":
            return BucketFacts(name=name, exists=False)
        if code != "NoSuchBucketPolicy":
            raise
        policy = '{"Statement": []}'
    sends = None
    if asks_for_events:
        sends = "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=name)
    return BucketFacts(name=name, denials=denials_of(policy, OBJECTS), sends_events=sends)


def read_key(clients: Clients, names: StageNames) -> KeyFacts | None:
    """Returns the state of the stage's own key; None if it has none."""
    key = names.only("AWS::KMS::Key")
    if key is None:
        return None
    state = clients["kms"].describe_key(KeyId=key.physical_id)["KeyMetadata"]["KeyState"]
    return KeyFacts(key.physical_id, state)
