"""The stage of `benchmarks urgent` on a local AWS: deployed functions, and a model that takes seconds for a batch."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from async_endpoint.client import JobNotFound, JobsTableReader
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import S3Location
from benchmarks.result import progress
from benchmarks.serving import ARTIFACTS, IN_SERVING, environment
from demo.deployment import Cdk, Deployment, copied_app, synthesised_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BATCH = 8
_MODEL = "steady_model"
_AT_ONCE = 16
_POLL_SECONDS = 0.25
# One instance, which is all that may run. Functions of one machine share its cores, unlike Lambda's: hence fewer.
_STAGE = f"""
termination_protection = false

[data]
removal_policy = "destroy"
access_logs = false

[model]
folder = "{_MODEL}"
dependencies = "included"

[endpoint]
name = "urgent-benchmark"
instance_type = "ml.m5d.large"
device = "cpu"

[serving]
workers = 1
batch_size = {BATCH}
timeout_seconds = 60
load_timeout_seconds = 120

[scaling]
min_instances = 1
max_instances = 1

[workflow]
max_concurrency = 3
"""


class TooLate(Exception):
    """The stage did not reach a state in time; the message is one sentence."""


@dataclass(frozen=True)
class Stage:
    """The deployed stage.

    Attributes:
        outputs: Of its stacks.
    """

    outputs: Mapping[str, str]

    @property
    def deployment(self) -> Deployment:
        """Its names."""
        return Deployment.from_outputs(self.outputs)

    def put(self, key: str) -> None:
        """Uploads a document, whose content is its key."""
        bucket = self.deployment.inputs
        client("s3").put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="application/octet-stream")

    def queued(self) -> int:
        """Returns how many messages the intake queue holds, with those in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.outputs["IntakeQueueUrl"]
        found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def results(self) -> list[dict[str, Any]]:
        """Returns what the model has returned so far, of all documents."""
        s3, bucket = client("s3"), self.deployment.outputs
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="results/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            bodies = threads.map(lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read(), keys)
            return [json.loads(body) for body in bodies]

    def accepted_at(self, key: str) -> str | None:
        """Returns when SageMaker accepted a document, by the record of its job; None while there is none."""
        try:
            job = JobsTableReader.from_session(self.deployment.jobs_table).get(S3Location(self.deployment.inputs, key))
        except JobNotFound:
            return None
        return job.submitted_at


def client(service: str) -> Any:
    """Returns a boto3 client for the local AWS."""
    config = Config(retries={"total_max_attempts": 3}, proxies={}, max_pool_connections=_AT_ONCE)
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the service's name is not a literal here


def wait_until(reached: Any, seconds: float, what: str) -> float:
    """Waits until a call returns true; returns the seconds that it took.

    Raises:
        TooLate: It took longer than `seconds`.
    """
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > seconds:
            raise TooLate(f"{what} did not happen within {seconds:g} s: is the machine busy with other work?")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


@contextmanager
def deployed(batch_seconds: float) -> Iterator[Stage]:
    """Deploys the stage on a local AWS in real time, at which the process's environment points from then on."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        serving = ServingEnvironments(environment().path)
        local = LocalAws.start(serving, state_dir=folder / "local-aws", port=None, speed=1, tied=True)
        try:
            yield _deploy(local, folder, batch_seconds)
        finally:
            local.stop()


def _deploy(local: LocalAws, folder: Path, batch_seconds: float) -> Stage:
    app = copied_app(folder / "app")
    _write_model(app.parent / _MODEL, batch_seconds)
    (app.parent / "config" / "urgent.toml").write_text(_STAGE, encoding="utf-8")
    assembly = folder / "cdk.out"
    cdk = Cdk(local, folder / "cdk.log", str(assembly))
    cdk.run("synth", "--app", f"{sys.executable} {app}", "-c", "stage=urgent", "--quiet", "--output", str(assembly))
    region = synthesised_region(assembly)
    progress("Deploying the stage …")
    cdk.bootstrap(region)
    stage = Stage(cdk.deploy(folder / "outputs.json"))
    os.environ |= local.client_environment(os.environ, region)
    return stage


def _write_model(folder: Path, batch_seconds: float) -> None:
    code, model = folder / "code", folder / "my_model"
    for each in (code, model):
        each.mkdir(parents=True)
    shutil.copyfile(IN_SERVING / "steady_model.py", code / "inference.py")
    for name in ("batching.py", "request_errors.py"):
        shutil.copyfile(ARTIFACTS / "code" / name, code / name)
    (code / "requirements.txt").write_text("# Nothing.\n", encoding="utf-8")
    (model / "seconds.json").write_text(json.dumps(batch_seconds), encoding="utf-8")
