"""Records of the jobs table's stream, as DynamoDB Streams gives them to Lambda."""

from itertools import count
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from async_endpoint.protocol import JobRecord, JobState

_numbers = count(1)
_serialize = TypeSerializer().serialize


def job(state: JobState = JobState.COMPLETED, **facts: Any) -> JobRecord:
    """A job of the inbox."""
    upload = {"bucket": "inputs", "key": "inbox/a.png", "version": "v1", "received_at": "2027-01-15T08:00:00.000Z"}
    ended = {"ended_at": "2027-01-15T08:01:00.000Z"} if state.is_final else {}
    return JobRecord(**{"job_id": "a" * 64, "state": state, **upload, **ended, **facts})


def image(record: JobRecord, revision: int = 1) -> dict[str, Any]:
    """A job as an image of the stream."""
    return {name: _serialize(value) for name, value in {**record.to_item(), "revision": revision}.items()}


def written(after: JobRecord | None, before: JobRecord | None = None, *, revision: int = 2) -> dict[str, Any]:
    """One write; without `after`, one whose item is not a job."""
    number = str(next(_numbers))
    images = {"NewImage": image(after, revision) if after else {"job_id": {"S": "x"}, "state": {"S": "LOST"}}}
    images |= {"OldImage": image(before, revision - 1)} if before else {}
    return {
        "eventID": number,
        "eventName": "MODIFY" if before else "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": number, "StreamViewType": "NEW_AND_OLD_IMAGES", **images},
    }


def number_of(record: dict[str, Any]) -> str:
    """The sequence number of a record."""
    return str(record["dynamodb"]["SequenceNumber"])
