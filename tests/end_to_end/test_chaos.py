"""Many requests while containers are killed and the local AWS is restarted: each has exactly one outcome.

A sample of kills and restarts by default; ten kills under two thousand requests with ASYNC_ENDPOINT_SWEEP=full.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import parse_notification
from demo.deployment import ROOT
from tests.end_to_end.conftest import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

FULL = os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full"
REQUESTS = 2_000 if FULL else 800
INSTANCES = 2
KILLS = 10 if FULL else 4
RESTARTS = 2 if FULL else 1
SHARE = REQUESTS // (KILLS + 1)
ENDPOINT = "chaos"
REGION = "us-east-1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"
SECONDS = 400.0  # for each thing that is waited for


@dataclass
class Chaos:
    """An endpoint of two instances in a local AWS that may go and come back."""

    start: Callable[[], LocalAws]
    local: LocalAws
    accepted: dict[str, tuple[str, str]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
            service,
            endpoint_url=self.local.endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no credential is checked
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def deploy(self) -> None:
        run = subprocess.run(
            [sys.executable, "model_artifacts/pack.py", "--folder", "samples/tiny_classifier"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        s3, sns, sqs, sagemaker = (self.client(name) for name in ("s3", "sns", "sqs", "sagemaker"))
        s3.create_bucket(Bucket="chaos")
        s3.upload_file(run.stdout.strip(), "chaos", "model.tar.gz")
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("success", "error")]
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        sagemaker.create_model(
            ModelName=ENDPOINT,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/chaos",
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": "s3://chaos/model.tar.gz",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
            },
        )
        variant = {"VariantName": "AllTraffic", "ModelName": ENDPOINT, "InstanceType": "ml.m5.xlarge"}
        notified = {"SuccessTopic": topics[0], "ErrorTopic": topics[1]}
        sagemaker.create_endpoint_config(
            EndpointConfigName=ENDPOINT,
            ProductionVariants=[{**variant, "InitialInstanceCount": INSTANCES}],
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
                "OutputConfig": {
                    "S3OutputPath": "s3://chaos/results",
                    "S3FailurePath": "s3://chaos/failures",
                    "NotificationConfig": notified,
                },
            },
        )
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )

    def submit(self, bodies: list[bytes], allowed: threading.Semaphore) -> None:
        """Have every request accepted, whatever goes on: one that no answer came to was not."""
        runtime, url = self.client("sagemaker-runtime"), self.local.endpoint_url
        for number in range(REQUESTS):
            allowed.acquire()
            while True:
                if url != self.local.endpoint_url:
                    runtime, url = self.client("sagemaker-runtime"), self.local.endpoint_url
                try:
                    answer = runtime.invoke_endpoint_async(
                        EndpointName=ENDPOINT,
                        Body=bodies[number % len(bodies)],
                        ContentType="application/json",
                        InferenceId=f"request-{number}",
                    )
                except (BotoCoreError, ClientError):
                    time.sleep(0.2)
                    continue
                self.accepted[f"request-{number}"] = answer["OutputLocation"], answer["FailureLocation"]
                break

    def restart(self) -> None:
        self.local.stop()
        self.local = self.start()

    def results(self) -> dict[str, list[str]]:
        """The objects under both prefixes."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        return {
            prefix: [
                f"s3://chaos/{item['Key']}"
                for page in pages.paginate(Bucket="chaos", Prefix=prefix)
                for item in page.get("Contents", [])
            ]
            for prefix in ("results/", "failures/")
        }

    def ended(self) -> int:
        return sum(map(len, self.results().values()))

    def replaced(self) -> int:
        """How many instances of this life died and were replaced, as its log tells."""
        return self.local.log.read_text(encoding="utf-8").count("died and is replaced")

    def kill_one(self, allow: Callable[[], object]) -> None:
        """Have a container killed while it works on one of the requests that this allows; it is replaced."""
        before = self.replaced()
        self.local.faults.add("kill", endpoint=ENDPOINT, count=1)
        allow()
        wait_for(lambda: self.replaced() > before or None, "an instance in a killed one's stead", SECONDS)

    def instances(self) -> set[str]:
        """The instances that the last documents' answers came from, as `async-endpoint local status` tells them."""
        run = subprocess.run(
            [str(Path(sys.executable).with_name("async-endpoint")), "local", "status", "--json",
             "--state-dir", str(self.local.state_dir), "--region", REGION],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        (endpoint,) = json.loads(run.stdout)["endpoints"]
        return {document["instance"] for document in endpoint["documents"]}

    def heard(self) -> Iterator[tuple[str, str]]:
        """Kind and id of every notification that is in the queue."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                said = parse_notification(message["Body"])
                if said.kind != "test":
                    yield said.kind, said.inference_id or ""
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def chaos(serving: ServingEnvironments, folder: Path) -> Iterator[Chaos]:
    def start() -> LocalAws:
        return LocalAws.start(serving, state_dir=folder, tied=True)

    running = Chaos(start, start())
    try:
        yield running
    finally:
        running.local.stop()


def test_every_request_has_exactly_one_outcome(serving: ServingEnvironments, tmp_path: Path) -> None:
    lines = (ROOT / "samples/tiny_classifier/samples.jsonl").read_text(encoding="utf-8").splitlines()
    bodies = [json.dumps(json.loads(line)["request"]).encode() for line in lines[:20]]
    with chaos(serving, tmp_path / "local-aws") as running:
        running.deploy()
        allowed = threading.Semaphore(SHARE)  # so that there are requests to work on at every kill
        client = threading.Thread(target=running.submit, args=(bodies, allowed), daemon=True)
        client.start()
        wait_for(lambda: len(running.instances()) == INSTANCES or None, "answers of both instances", SECONDS)
        kills = lost = 0
        for life in range(RESTARTS + 1):
            while kills < KILLS * (life + 1) // (RESTARTS + 1):
                running.kill_one(lambda: allowed.release(SHARE))
                kills += 1
            lost += running.local.log.read_text(encoding="utf-8").count(" lost its instance: ")
            if life < RESTARTS:
                assert running.ended() < REQUESTS  # else there is nothing to go on with
                running.restart()
        allowed.release(REQUESTS)
        client.join(SECONDS)
        assert len(running.accepted) == REQUESTS
        wait_for(lambda: running.ended() >= REQUESTS or None, "an outcome of every request", SECONDS)
        found = running.results()
        notified = Counter(inference_id for _, inference_id in running.heard())

    assert lost > 0  # some requests were at work when their container was killed
    results, failures = (Counter(found[prefix]) for prefix in ("results/", "failures/"))
    ends = [(results[output], failures[failure]) for output, failure in running.accepted.values()]
    assert Counter(ends).keys() <= {(1, 0), (0, 1)}
    assert sum(results.values()) + sum(failures.values()) == REQUESTS
    assert notified == Counter(running.accepted.keys())  # of each one outcome: two answers would leave one object
    assert Counter(ends)[1, 0] > REQUESTS - 3 * KILLS  # a request is to blame only when three containers died with it
