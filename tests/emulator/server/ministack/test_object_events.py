"""EventBridge's event of a new object names the version that was put, so that two puts to one key are told apart."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulator.conftest import Running
from tests.emulator.fakes import eventually


@dataclass
class Watched:
    """A bucket whose events go to a queue."""

    running: Running
    bucket: str
    queue: str

    def events(self, count: int) -> list[dict[str, Any]]:
        """Returns the details of the next events, in order of their objects' sequencer."""
        sqs = self.running.client("sqs")
        details: list[dict[str, Any]] = []

        def enough() -> bool:
            messages = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            details.extend(json.loads(message["Body"])["detail"] for message in messages)
            return len(details) >= count

        eventually(enough, f"{count} events")
        assert len(details) == count
        return sorted(details, key=lambda detail: detail["object"]["sequencer"])


@pytest.fixture
def watched(running: Running) -> Iterator[Watched]:
    name = f"watched-{uuid.uuid4().hex[:12]}"
    s3, events, sqs = (running.client(service) for service in ("s3", "events", "sqs"))
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}))
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": arn}])
    yield Watched(running, name, queue)
    events.remove_targets(Rule=name, Ids=["it"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=queue)


def version(running: Running, bucket: str) -> None:
    running.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def test_two_puts_to_a_key_are_two_versions(running: Running, watched: Watched) -> None:
    version(running, watched.bucket)
    s3 = running.client("s3")
    versions = [s3.put_object(Bucket=watched.bucket, Key="a b", Body=body)["VersionId"] for body in (b"1", b"12")]
    found = watched.events(2)
    assert [detail["object"]["version-id"] for detail in found] == versions
    assert [(detail["object"]["key"], detail["object"]["size"]) for detail in found] == [("a b", 1), ("a b", 2)]
    assert len({detail["object"]["sequencer"] for detail in found}) == 2


def test_a_copy_and_an_upload_in_parts_name_their_versions(running: Running, watched: Watched) -> None:
    version(running, watched.bucket)
    s3, bucket = running.client("s3"), watched.bucket
    first = s3.put_object(Bucket=bucket, Key="first", Body=b"1")["VersionId"]
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "first"})["VersionId"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    whole = s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )["VersionId"]
    found = {detail["object"]["key"]: detail["object"]["version-id"] for detail in watched.events(3)}
    assert found == {"first": first, "copy": copied, "parts": whole}


def test_without_versioning_there_is_no_version(running: Running, watched: Watched) -> None:
    running.client("s3").put_object(Bucket=watched.bucket, Key="a", Body=b"1")
    (found,) = watched.events(1)
    assert "version-id" not in found["object"]
    assert found["object"]["sequencer"] > "0"
