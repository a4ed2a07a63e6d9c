"""A workflow stack over HTTP, without functions: a table, two inboxes, and the queues with their DLQs."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table
from mypy_boto3_s3.client import S3Client
from mypy_boto3_sqs.client import SQSClient

from async_endpoint.operations.jobs.workflow import WorkerQueue
from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobsTableWriter,
    JobState,
    Upload,
    merge_records,
    record_rejected,
    record_submitted,
)
from tests.support.jobs_table import NEVER

RETENTION_DAYS = 30


@dataclass
class DeployedWorkflow:
    """What a workflow stack has, and what its functions would do."""

    stack: str
    table: Table
    bucket: str
    put: Callable[[str], Upload]
    sqs: SQSClient
    intake: WorkerQueue
    urgent: WorkerQueue
    results: WorkerQueue
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def jobs(self) -> JobsTableWriter:
        return JobsTableWriter(self.table)

    def received(self, key: str) -> str:
        """A document under the claim of the submit function; returns its job."""
        upload = self.put(key)
        self.uploads[upload.job_id] = upload
        return upload.job_id

    def submitted(self, key: str) -> str:
        """A document that the endpoint accepted."""
        job_id = self.received(key)
        record = record_submitted(
            self.uploads[job_id],
            at=datetime.now(UTC),
            content_type="image/png",
            output_location=f"s3://out/results/{key}.out",
            failure_location=None,
            expires_at=NEVER,
        )
        return self.jobs.merge(record).job_id

    def failed(self, key: str, reason: str = "no image", *, ago: timedelta = timedelta()) -> str:
        """A document whose job failed some time ago."""
        job_id = self.received(key)
        at = datetime.now(UTC) - ago
        return self.jobs.merge(record_rejected(self.uploads[job_id], reason, at=at, expires_at=NEVER)).job_id

    def completed(self, key: str) -> str:
        """A document with a result."""
        job = self.jobs.get(self.submitted(key))
        assert job
        done = JobRecord(job_id=job.job_id, state=JobState.COMPLETED, ended_at="2026-01-31T12:00:00.000Z")
        return self.jobs.merge(merge_records(job, done)).job_id

    def requests(self) -> list[AttemptRequest]:
        """Takes all requests for attempts from the intake queue."""
        found: list[AttemptRequest] = []
        while messages := self.sqs.receive_message(QueueUrl=self.intake.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                request = AttemptRequest.from_event(json.loads(message["Body"]))
                assert request
                found.append(request)
                self.sqs.delete_message(QueueUrl=self.intake.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def state(self, job_id: str) -> tuple[str, int]:
        """The state of a job, and the number of its attempt."""
        job = self.jobs.get(job_id)
        assert job
        return job.state.value, job.attempt


@pytest.fixture
def sqs(local_services: None) -> Iterator[SQSClient]:
    del local_services  # sets boto3's environment
    client = boto3.client("sqs")
    yield client
    client.close()


@pytest.fixture
def deployed(
    jobs_table: Table, bucket: str, put: Callable[[str], Upload], sqs: SQSClient, s3: S3Client
) -> DeployedWorkflow:
    """A workflow stack in CloudFormation, with all outputs that the commands read."""
    del s3
    name = f"test-{uuid.uuid4().hex[:8]}"
    outputs = {
        "JobsTableName": jobs_table.name,
        "JobRetentionDays": str(RETENTION_DAYS),
        "InboxLocation": f"s3://{bucket}/inbox/",
        "UrgentInboxLocation": f"s3://{bucket}/inbox-urgent/",
        "NotifyFunctionName": f"{name}-notify",
        "EventsDeadLettersUrl": sqs.create_queue(QueueName=f"{name}-Events-dead-letters")["QueueUrl"],
    }
    workers = {}
    for worker in ("Intake", "Urgent", "Results"):
        dead_letters = sqs.create_queue(QueueName=f"{name}-{worker}-dead-letters")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
        url = sqs.create_queue(QueueName=f"{name}-{worker}", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        outputs |= {f"{worker}QueueUrl": url, f"{worker}DeadLettersUrl": dead_letters}
        workers[worker.lower()] = WorkerQueue(worker.lower(), url, dead_letters)
    deploy_outputs(name, outputs)
    return DeployedWorkflow(
        name, jobs_table, bucket, put, sqs, workers["intake"], workers["urgent"], workers["results"]
    )


def deploy_outputs(name: str, outputs: dict[str, str]) -> None:
    """Deploys a stack with these outputs."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    cloudformation.close()
