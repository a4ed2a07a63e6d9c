"""`model check` says of each model what an endpoint of the local AWS makes of it, for models of every kind."""

from __future__ import annotations

import io
import multiprocessing
import re
import subprocess
import tarfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest

from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import parse_notification
from async_endpoint.protocol.serving_images import IMAGES, ImageName
from tests.emulator.containers.helpers import has_private_opt_ml
from tests.serving.check_command import check, variables
from tests.serving.models_to_check import CASES, DOCUMENT, Case
from tests.support.serving import ENVIRONMENTS, serving_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

pytestmark = pytest.mark.serving

T = TypeVar("T")

REGION = "us-east-1"
AT_ONCE = 2  # of each kind: more would take the cores from tests of other workers
SECONDS = 400.0
IN_OPT_ML = ("a path in /opt/ml/model", "model_dir itself")


@dataclass(frozen=True)
class Verdict:
    """What came of the document; `status` is 0 where the model does not load."""

    status: int
    reason: str = ""
    body: bytes = b""
    content_type: str | None = None


def uri_of(image: ServingImage) -> str:
    return f"763104351884.dkr.ecr.{REGION}.amazonaws.com/{image.repository}:{image.tags['cpu']}"


def archive_of(case: Case, folder: Path, serving_python: Path) -> Path:
    path = folder / f"{uuid.uuid4().hex}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in case.files.items():
            content = text.encode()
            if text.startswith("torch:"):
                saved = path.with_suffix(".saved")
                lines = f"import torch\npath = {str(saved)!r}\n{text.removeprefix('torch:')}"
                subprocess.run([serving_python, "-c", lines], check=True)
                content = saved.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


class Endpoints:
    """Endpoints of a running local AWS, made and asked with boto3 alone."""

    def __init__(self, local: LocalAws, image: ServingImage) -> None:
        self._image = uri_of(image)
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)  # noqa: S106 - not checked
        client: Any = session.client
        self.sagemaker, self.runtime, self.s3, self.sns, self.sqs = (
            client(name, endpoint_url=local.endpoint_url)
            for name in ("sagemaker", "sagemaker-runtime", "s3", "sns", "sqs")
        )

    def ask(self, case: Case, archive: Path) -> Verdict:
        """Deploys the archive, sends the document, and deletes the endpoint."""
        name = f"model-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name)
        self.s3.upload_file(str(archive), name, "model.tar.gz")
        self.s3.put_object(Bucket=name, Key="document", Body=DOCUMENT)
        topic = self.sns.create_topic(Name=name)["TopicArn"]
        queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._create(name, topic, variables(case))
        try:
            described = wait_for(lambda: self._settled(name), f"the endpoint of {case.name}")
            if described["EndpointStatus"] != "InService":
                return Verdict(0, described["FailureReason"])
            location = f"s3://{name}/document"
            request = {"EndpointName": name, "InputLocation": location, "ContentType": "application/json"}
            invoked = self.runtime.invoke_endpoint_async(**request)
            return wait_for(lambda: self._outcome(invoked, queue), f"the outcome of {case.name}")
        finally:
            self.sagemaker.delete_endpoint(EndpointName=name)

    def _create(self, name: str, topic: str, environment: dict[str, str]) -> None:
        container = {"Image": self._image, "ModelDataUrl": f"s3://{name}/model.tar.gz", "Environment": environment}
        role = "arn:aws:iam::000000000000:role/any"
        # A check without a stage is isolated, too.
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, EnableNetworkIsolation=True
        )
        variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        output = {
            "S3OutputPath": f"s3://{name}/results",
            "S3FailurePath": f"s3://{name}/failures",
            "NotificationConfig": {"ErrorTopic": topic},
        }
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant], AsyncInferenceConfig={"OutputConfig": output}
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def _settled(self, name: str) -> dict[str, Any] | None:
        described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return None if described["EndpointStatus"] == "Creating" else described

    def _outcome(self, invoked: dict[str, Any], queue: str) -> Verdict | None:
        bucket, _, key = invoked["OutputLocation"].removeprefix("s3://").partition("/")
        if self.s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]:
            found = self.s3.get_object(Bucket=bucket, Key=key)
            return Verdict(200, "", found["Body"].read(), found["ContentType"])
        for message in self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            notification = parse_notification(message["Body"])
            if notification.inference_id == invoked["InferenceId"]:
                reason = notification.failure_reason or ""
                status = re.search(r"Received \w+ error \((\d+)\) from model", reason)
                assert status, reason
                return Verdict(int(status[1]), reason)
        return None


def wait_for(find: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + SECONDS
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"{what} did not come within {SECONDS:g} s"
        time.sleep(0.5)
    return found


# Of the second image, those for which the check reads the words of toolkit and TorchServe.
CASES_OF: dict[ImageName, list[Case]] = {
    "pytorch-1.11": CASES,
    "pytorch-2.6": [case for case in CASES if case.status != HTTPStatus.OK],
}
PAIRS = [pytest.param(image, case, id=f"{image}-{case.name}") for image, cases in CASES_OF.items() for case in cases]


Outcomes = dict[str, tuple[dict[str, Any], Verdict]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ImageName], Outcomes]:
    """Returns what the check printed of each case and what the endpoint did; each image is asked once."""
    known: dict[ImageName, Outcomes] = {}

    def outcomes(image: ImageName) -> Outcomes:
        if image not in known:
            known[image] = ask_all(image, tmp_path_factory.mktemp("models"))
        return known[image]

    return outcomes


def ask_all(image: ImageName, folder: Path) -> Outcomes:
    serving, cases = serving_environment(IMAGES[image]), CASES_OF[image]
    archives = {case.name: archive_of(case, folder, serving.python) for case in cases}
    local = LocalAws.start(ENVIRONMENTS, state_dir=folder / "local-aws", speed=20, tied=True)
    try:
        endpoints = Endpoints(local, serving.image)
        # A process for each check would import the command's modules anew, half a second of a CPU each time.
        processes = ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn"))
        with ThreadPoolExecutor(AT_ONCE) as asking, processes as checking:
            asked = {case.name: asking.submit(endpoints.ask, case, archives[case.name]) for case in cases}
            checked = {case.name: checking.submit(check, case, archives[case.name], image) for case in cases}
        return {name: (checked[name].result(), asked[name].result()) for name in archives}
    finally:
        local.stop()


@pytest.mark.parametrize(("image", "case"), PAIRS)
def test_the_check_says_what_the_endpoint_does(
    image: ImageName, case: Case, outcomes: Callable[[ImageName], Outcomes]
) -> None:
    if case.name in IN_OPT_ML and not has_private_opt_ml():
        pytest.skip("this machine allows no private /opt/ml")
    checked, endpoint = outcomes(image)[case.name]

    assert endpoint.status == case.status, endpoint
    assert checked.get("status", 0) == endpoint.status, checked
    assert checked["exit"] == (0 if case.status == 200 else 1)
    if case.status == 200:
        assert checked["result_bytes"] == len(endpoint.body)
        assert checked["content_type"] == endpoint.content_type
        is_text = not checked["result"].endswith("bytes, not text)")
        assert not is_text or checked["result"].encode() == endpoint.body
    else:
        assert case.reason in checked["failure"]
    if case.status == 0:  # the endpoint's FailureReason has the check's words
        without_log = re.sub(r" \(log: [^)]+\)", "", endpoint.reason)
        assert checked["failure"] in without_log
