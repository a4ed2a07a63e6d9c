"""Lambda functions loaded and called like in Lambda."""

import json
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client

from async_endpoint.protocol import JobRecord
from tests.support.intake import object_created


@dataclass
class Function:
    """A loaded function, to be called like SQS calls it."""

    module: ModuleType | SimpleNamespace
    capsys: pytest.CaptureFixture[str]

    def process(self, *bodies: str) -> tuple[list[int], list[dict[str, Any]]]:
        """Calls the function with one batch; returns which messages stay in the queue, and the lines of its log."""
        self.capsys.readouterr()
        context = SimpleNamespace(
            function_name="function",
            memory_limit_in_mb=256,
            invoked_function_arn="arn:aws:lambda:eu-central-1:111122223333:function:function",
            aws_request_id="request",
            get_remaining_time_in_millis=lambda: 30_000,
        )
        records = [
            {"messageId": str(index), "body": body, "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}}
            for index, body in enumerate(bodies)
        ]
        response = self.module.handler({"Records": records}, context)
        lines = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return [int(failure["itemIdentifier"]) for failure in response["batchItemFailures"]], lines


@dataclass
class VersionedInbox:
    """A versioned bucket over HTTP."""

    bucket: str
    s3: S3Client

    def put(self, key: str, body: bytes = b"document", **more: Any) -> dict[str, Any]:
        """Uploads a document and returns its event."""
        response = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)
        return object_created(key, bucket=self.bucket, version_id=response.get("VersionId"), size=len(body))


@dataclass
class RecordedJobs:
    """The jobs in a table."""

    table: Table

    def by_key(self) -> dict[str, JobRecord]:
        """Returns all jobs by the document's key."""
        records = [
            JobRecord.from_item(item) for item in self.table.scan(ConsistentRead=True)["Items"] if "state" in item
        ]
        return {record.key or "": record for record in records}
