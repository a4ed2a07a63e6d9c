"""Documents that go the way of the inbox: put into a bucket, submitted and recorded by the deployed functions."""

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
    """What became of one document.

    Attributes:
        document: The file's name.
        record: Its job as the jobs table has it; None if it was not recorded in time.
        answer: The object that the record names, if the job completed.
    """

    document: str
    record: JobRecord | None
    answer: bytes | None

    @property
    def completed(self) -> bool:
        """Whether the table says so."""
        return self.record is not None and self.record.state is JobState.COMPLETED


def put(documents: Iterable[Path], inbox: S3Location) -> dict[str, S3Location]:
    """Upload documents, and do nothing else with them; returns where each lies."""
    s3 = boto3.client("s3")
    places = {path.name: inbox.child(path.name) for path in documents}
    for path in documents:
        place = places[path.name]
        s3.upload_file(str(path), place.bucket, place.key)
    return places


def collect(places: dict[str, S3Location], table: str, timeout: float) -> list[InboxResult]:
    """Wait until the jobs table shows an end for each document, `timeout` seconds at most."""
    records = JobsTableReader.from_session(table)
    deadline = time.monotonic() + timeout
    found: dict[str, JobRecord | None] = dict.fromkeys(places)
    while True:
        for document, place in places.items():
            known = found[document]
            if known is None or not known.state.is_final:
                found[document] = _look_up(records, place)
        if all(record and record.state.is_final for record in found.values()) or time.monotonic() > deadline:
            return [InboxResult(document, record, _answer(record)) for document, record in found.items()]
        time.sleep(_POLL_SECONDS)


def append_to(results: Path, found: Iterable[InboxResult]) -> None:
    """Add a line of JSON for each to a file of results, in the form in which the client's run writes its own."""
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
                "answer": json.loads(result.answer) if result.answer else None,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _look_up(records: JobsTableReader, place: S3Location) -> JobRecord | None:
    try:
        return records.get(place)
    except JobNotFound:  # not seen yet
        return None


def _answer(record: JobRecord | None) -> bytes | None:
    if record is None or record.state is not JobState.COMPLETED or record.outcome_location is None:
        return None
    place = S3Location.from_uri(record.outcome_location)
    return bytes(boto3.client("s3").get_object(Bucket=place.bucket, Key=place.key)["Body"].read())
