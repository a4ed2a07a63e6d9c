"""The stacks of a stage whose endpoint is on a page: outputs, queues and a jobs table, without functions."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3

from async_endpoint.protocol import (
    JOBS_PARTITION_KEY,
    AttemptRequest,
    JobRecord,
    JobsTableWriter,
    Upload,
    record_rejected,
)
from tests.emulator.conftest import Running
from tests.emulator.fakes import REGION, eventually

ENDPOINT = "receipts"
_NEVER = 4_000_000_000
_QUEUES = ("IntakeQueueUrl", "UrgentQueueUrl", "ResultsQueueUrl")
_DEAD_LETTERS = ("IntakeDeadLettersUrl", "UrgentDeadLettersUrl", "ResultsDeadLettersUrl", "EventsDeadLettersUrl")


@dataclass
class DeployedStage:
    """A stage in CloudFormation of the running local AWS."""

    running: Running
    name: str
    table: Any
    urls: dict[str, str]

    @property
    def stack(self) -> str:
        return f"{self.name}-workflow"

    @property
    def jobs(self) -> JobsTableWriter:
        return JobsTableWriter(self.table)

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def failed(self) -> JobRecord:
        """A job of the inbox that failed."""
        upload = Upload(
            bucket="inputs",
            key=f"inbox/{uuid.uuid4()}.png",
            version="1",
            region=REGION,
            received_at=datetime.now(UTC),
        )
        record = record_rejected(upload, "no image", at=datetime.now(UTC), expires_at=_NEVER)
        return self.jobs.merge(record)

    def requests(self) -> list[AttemptRequest]:
        """Takes the requests for attempts from the intake queue."""
        response = self.running.client("sqs").receive_message(
            QueueUrl=self.urls["IntakeQueueUrl"], MaxNumberOfMessages=10
        )
        found = [AttemptRequest.from_event(json.loads(message["Body"])) for message in response.get("Messages", [])]
        return [request for request in found if request]

    def delete(self) -> None:
        cloudformation = self.running.client("cloudformation")
        for part in ("endpoint", "workflow"):
            cloudformation.delete_stack(StackName=f"{self.name}-{part}")


def deploy(running: Running) -> DeployedStage:
    """Deploys it."""
    name, sqs = f"stage-{uuid.uuid4().hex[:8]}", running.client("sqs")
    urls = {
        output: sqs.create_queue(QueueName=f"{name}-{output.removesuffix('Url')}")["QueueUrl"]
        for output in (*_QUEUES, *_DEAD_LETTERS)
    }
    resource("dynamodb", running).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": JOBS_PARTITION_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": JOBS_PARTITION_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    workflow = urls | {
        "JobsTableName": name,
        "JobRetentionDays": "30",
        "InboxLocation": "s3://inputs/inbox/",
        "UrgentInboxLocation": "s3://inputs/inbox-urgent/",
        "NotifyFunctionName": "notify",
    }
    cloudformation = running.client("cloudformation")
    for part, outputs in (("endpoint", {"EndpointName": ENDPOINT}), ("workflow", workflow)):
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        cloudformation.create_stack(StackName=f"{name}-{part}", TemplateBody=json.dumps(template))
        eventually(partial(_is_complete, cloudformation, f"{name}-{part}"), f"the stack {name}-{part}")
    return DeployedStage(running, name, resource("dynamodb", running).Table(name), urls)


def resource(service: str, running: Running) -> Any:
    """A resource of boto3 in the region of the tests."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)  # noqa: S106 - no credential is checked
    return session.resource(service, endpoint_url=running.local.endpoint_url)  # type: ignore[call-overload]  # no literal


def _is_complete(cloudformation: Any, stack: str) -> bool:
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return bool(found["StackStatus"] == "CREATE_COMPLETE")
