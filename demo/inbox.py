"""Documents of the inbox: uploaded to the bucket, submitted and recorded by the deployed functions."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import boto3

from async_endpoint.client import JobNotFound, JobsTableReader
from async_endpoint.protocol import JobRecord, JobState, S3Location

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class InboxResult:
    """The outcome of one document.

    Attributes:
        document: The file's name.
        record: Its item of the jobs table; None if no function recorded it in time.
        body: Its result, if the job completed.
    """

    document: str
    record: JobRecord | None
    body: bytes | None

    @property
    def completed(self) -> bool:
        """Whether the jobs table has it as COMPLETED."""
        return self.record is not None and self.record.state is JobState.COMPLETED


def upload(documents: Iterable[Path], inbox: S3Location) -> dict[str, S3Location]:
    """Uploads documents; returns the location of each by its name."""
    s3 = boto3.client("s3")
    locations = {path.name: inbox.child(path.name) for path in documents}
    for path in documents:
        location = locations[path.name]
        s3.upload_file(str(path), location.bucket, location.key)
    return locations


def collect(locations: dict[str, S3Location], table: str, timeout: float) -> list[InboxResult]:
    """Waits until the jobs table has an outcome for each document, at most `timeout` seconds."""
    records = JobsTableReader.from_session(table)
    deadline = time.monotonic() + timeout
    found: dict[str, JobRecord | None] = dict.fromkeys(locations)
    while True:
        for document, location in locations.items():
            known = found[document]
            if known is None or not known.state.is_final:
                found[document] = _look_up(records, location)
        if all(record and record.state.is_final for record in found.values()) or time.monotonic() > deadline:
            return [InboxResult(document, record, _result(record)) for document, record in found.items()]
        time.sleep(_POLL_SECONDS)


def append_to(results: Path, found: Iterable[InboxResult]) -> None:
    """Appends a line of JSON for each to a file of results, in the form of the client's own lines."""
    with results.open("a", encoding="utf-8") as file:
        for result in found:
            record = result.record
            line = {
                "file": result.document,
                "inference_id": record.job_id if record else None,
                "state": record.state if record else None,
                "output_location": record.output_location if record else None,
                "failure_location": record.failure_location if record else None,
                "reason": record.reason if record else None,
                "answer": json.loads(result.body) if result.body else None,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _look_up(records: JobsTableReader, location: S3Location) -> JobRecord | None:
    try:
        return records.get(location)
    except JobNotFound:  # no function has recorded it yet
        return None


def _result(record: JobRecord | None) -> bytes | None:
    if record is None or record.state is not JobState.COMPLETED or record.outcome_location is None:
        return None
    location = S3Location.from_uri(record.outcome_location)
    return bytes(boto3.client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read())
