"""A local AWS in a process of its own, shared by all tests here, which use names of their own."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.faults.http import FaultClient
from async_endpoint.emulator.launcher import LocalAws
from tests.emulator.fakes import ACCOUNT, REGION, eventually

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

SPEED = 120.0

Start = Callable[..., LocalAws]


@dataclass(frozen=True)
class Running:
    """The running local AWS; `started_within` in seconds."""

    local: LocalAws
    started_within: float

    def client(self, service: str, region: str = REGION, *, attempts: int = 1) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
            service,
            endpoint_url=self.local.endpoint_url,
            region_name=region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no credential is checked
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={}),
        )


def end_of_stack(running: Running, resources: dict[str, Any]) -> tuple[str, list[str]]:
    """Creates a stack of these resources; returns its final status and the reasons of its events."""
    name = f"stack-{uuid.uuid4().hex[:12]}"
    cloudformation = running.client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_IAM"]
    )

    def ended() -> str | None:
        status: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if status.endswith("IN_PROGRESS") else status

    status = eventually(ended, "the end of the stack")
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return status, [event.get("ResourceStatusReason", "") for event in events]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A local AWS whose minutes are seconds. No instance can start: there is no serving environment."""
    folder = tmp_path_factory.mktemp("local-aws")
    began = time.monotonic()
    local = LocalAws.start(ServingEnvironments(folder / "no-environment"), state_dir=folder, speed=SPEED, tied=True)
    running = Running(local, time.monotonic() - began)
    yield running
    local.stop()


@pytest.fixture(scope="session")
def clients(running: Running, tmp_path_factory: pytest.TempPathFactory) -> AwsClients:
    return AwsClients(running.local.endpoint_url, REGION, ACCOUNT, tmp_path_factory.mktemp("work"))


@dataclass
class Mailbox:
    """A topic whose messages a test reads."""

    topic: str
    queue: str
    sqs: "SQSClient"

    def take(self, count: int) -> list[dict[str, Any]]:
        """Returns the next `count` messages, as SNS published them."""
        messages: list[dict[str, Any]] = []

        def enough() -> bool:
            messages.extend(self.pending())
            return len(messages) >= count

        eventually(enough, f"{count} message(s) on {self.topic}, got {messages}")
        assert len(messages) == count
        return messages

    def pending(self) -> list[dict[str, Any]]:
        """Takes the messages that have arrived."""
        received = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        bodies = []
        for message in received.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(json.loads(message["Body"]))
        return bodies


@dataclass
class Destinations:
    """An empty bucket and two empty topics."""

    bucket: str
    success: Mailbox
    error: Mailbox
    s3: "S3Client"

    @property
    def output(self) -> dict[str, Any]:
        """The OutputConfig with these destinations."""
        return {
            "S3OutputPath": f"s3://{self.bucket}/results",
            "S3FailurePath": f"s3://{self.bucket}/failures/",
            "NotificationConfig": {"SuccessTopic": self.success.topic, "ErrorTopic": self.error.topic},
        }

    def upload(self, body: bytes, content_type: str = "image/png") -> str:
        """Returns the location of a new document."""
        key = f"documents/{uuid.uuid4()}.png"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)
        return f"s3://{self.bucket}/{key}"

    def read(self, location: str) -> tuple[bytes, str]:
        """Returns body and content type of an object."""
        key = location.removeprefix(f"s3://{self.bucket}/")
        found = self.s3.get_object(Bucket=self.bucket, Key=key)
        return found["Body"].read(), found["ContentType"]

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]


@pytest.fixture(scope="session")
def sqs(running: Running) -> "SQSClient":
    client: SQSClient = running.client("sqs")
    return client


@pytest.fixture(scope="session")
def sns(running: Running) -> "SNSClient":
    client: SNSClient = running.client("sns")
    return client


def make_mailbox(sns: "SNSClient", sqs: "SQSClient") -> Mailbox:
    """Returns a new topic with a queue that gets its raw messages."""
    name = f"mail-{uuid.uuid4().hex[:12]}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return Mailbox(topic, queue, sqs)


@pytest.fixture
def around(clients: AwsClients, sns: "SNSClient", sqs: "SQSClient") -> Iterator[Destinations]:
    """Where an endpoint's documents come from and its results go."""
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    clients.s3.create_bucket(Bucket=bucket)
    made = Destinations(bucket, make_mailbox(sns, sqs), make_mailbox(sns, sqs), clients.s3)
    yield made
    for mailbox in (made.success, made.error):
        sqs.delete_queue(QueueUrl=mailbox.queue)  # the local AWS measures every queue in each of its short minutes


@pytest.fixture
def faults(running: Running) -> Iterator[FaultClient]:
    """The faults of the running local AWS, switched off after the test."""
    client = running.local.faults
    yield client
    client.clear(seed=0)


@pytest.fixture
def serving_environments(tmp_path: Path) -> ServingEnvironments:
    """A serving environment that does not exist."""
    return ServingEnvironments(tmp_path / "no-environment")


@pytest.fixture
def start(serving_environments: ServingEnvironments) -> Iterator[Start]:
    """Starts local AWSs that are gone afterwards, whatever the test did."""
    started: list[LocalAws] = []

    def start(state_dir: Path, port: int | None = None) -> LocalAws:
        started.append(LocalAws.start(serving_environments, state_dir=state_dir, port=port, tied=True))
        return started[-1]

    yield start
    for local in started:
        local.stop()
