"""The app as it stands, deployed once to a local AWS by the real CDK CLI, with queues that hear both topics."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments, prepare_all
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import Notification, parse_notification
from demo.deployment import ROOT, Cdk, Deployment, DeploymentError, synthesised_region
from tests.support.serving import SERVING_ENV

T = TypeVar("T")

SPEED = 60.0  # a minute of AWS's clock each second
# For anything to come: a cold start included, and a second try of a message, which follows after three minutes. A test
# that passes does not wait so long.
PATIENCE_SECONDS = 400.0
DEPLOYS = 3


@pytest.fixture(scope="session")
def serving() -> ServingEnvironments:
    """The serving environments; that of the default image is built when it is not there."""
    return prepare_all(SERVING_ENV, print)


@dataclass(frozen=True)
class Stage:
    """The deployed app and ways to watch it."""

    local: LocalAws
    cdk: Cdk
    deployment: Deployment
    topics_heard: str  # URL of the queue that hears the success and the error topic

    def put(self, body: bytes, key: str) -> str:
        """Put a document into the input bucket; returns its location."""
        boto3.client("s3").put_object(Bucket=self.deployment.inputs, Key=key, Body=body)
        return f"s3://{self.deployment.inputs}/{key}"

    def invoke(self, location: str, **options: Any) -> dict[str, Any]:
        """InvokeEndpointAsync with plain boto3."""
        runtime = boto3.client("sagemaker-runtime")
        request: Any = {"EndpointName": self.deployment.endpoint, "InputLocation": location, **options}
        return dict(runtime.invoke_endpoint_async(**request))

    def outcome(self, invoked: dict[str, Any]) -> tuple[str, bytes]:
        """Wait for the object at either location; returns "output" or "failure" and its body."""
        s3 = boto3.client("s3")

        def find() -> tuple[str, bytes] | None:
            for kind in ("Output", "Failure"):
                bucket, _, key = invoked[f"{kind}Location"].removeprefix("s3://").partition("/")
                if s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]:
                    return kind.lower(), s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return None

        return wait_for(find, f"an outcome of {invoked['InferenceId']}")

    def notification(self, inference_id: str) -> Notification:
        """Wait for the notification of a request."""
        sqs = boto3.client("sqs")

        def find() -> Notification | None:
            for message in sqs.receive_message(QueueUrl=self.topics_heard, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=self.topics_heard, ReceiptHandle=message["ReceiptHandle"])
                notification = parse_notification(message["Body"])
                if notification.inference_id == inference_id:
                    return notification
            return None

        return wait_for(find, f"the notification of {inference_id}")


def wait_for(find: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.1)
    return found


def deployed_between_scaling_actions(cdk: Cdk, outputs: Path, status: Callable[[], str]) -> dict[str, str]:
    """Deploys, and again if a scaling action had just started: SageMaker rejects an update meanwhile.

    Args:
        cdk: The CDK CLI with the app.
        outputs: Where it writes the outputs of the stacks.
        status: Returns the endpoint's status; called only when it exists.

    Returns:
        The outputs of all stacks.
    """
    for _ in range(DEPLOYS - 1):
        try:
            return cdk.deploy(outputs)
        except DeploymentError as error:
            if "Cannot update in-progress endpoint" not in str(error):
                raise
            wait_for(lambda: status() == "InService" or None, "the end of a scaling action")
    return cdk.deploy(outputs)


@pytest.fixture(scope="session")
def stage(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The dev stage, deployed; the process's environment points at it."""
    with deployed_stage(serving, tmp_path_factory.mktemp("stage")) as found:
        yield found


@contextmanager
def deployed_stage(serving: ServingEnvironments, folder: Path) -> Iterator[Stage]:
    """Deploys the dev stage to a local AWS of its own, at which the process's environment points meanwhile."""
    local = LocalAws.start(serving, state_dir=folder / "local-aws", speed=SPEED, tied=True)
    try:
        cdk = Cdk(local, folder / "cdk.log")
        cdk.run("synth", "--quiet", "--output", str(folder / "cdk.out"))
        region = synthesised_region(folder / "cdk.out")
        cdk = Cdk(local, folder / "cdk.log", str(folder / "cdk.out"))
        cdk.bootstrap(region)
        deployment = Deployment.from_outputs(cdk.deploy(folder / "outputs.json"))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in local.environment(region).items():
                environment.setenv(name, value)
            yield Stage(local, cdk, deployment, listen(deployment, "heard"))
    finally:
        local.stop()


def listen(deployment: Deployment, name: str) -> str:
    """Subscribe a new queue to both topics; returns its URL."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in (deployment.success_topic, deployment.error_topic):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


@pytest.fixture(scope="session")
def receipts() -> list[tuple[bytes, dict[str, str]]]:
    """The sample receipts and what is on them."""
    folder = ROOT / "samples" / "receipts"
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    return [((folder / row.pop("file")).read_bytes(), row) for row in rows]
