"""The planner and the local AWS scale alike, with the same arrivals, starts, and delays of metrics.

Three patterns and equal minutes with ASYNC_ENDPOINT_SWEEP=full, which needs a machine without other work: one that is
slowed down samples its queue at other moments. Else one pattern, which may be a few minutes off.
"""

import io
import json
import os
import random
import re
import tarfile
import threading
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.emulator.loopback import fetch_json
from async_endpoint.planner import Conditions, Durations, Traffic, simulate, stage_from
from tests.end_to_end.conftest import wait_for
from tests.planner.stages import ENDPOINT, Resources, documented

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

FULL = os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full"
REGION = "us-east-1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"
SPEED = 60.0
MOST_MINUTES = 0 if FULL else 6
MINUTE = 60
MODEL_SECONDS = 0.5  # of the wall's time: half a minute of AWS's
START_SECONDS = 600.0  # of AWS's clock, longer than an instance takes here
ASLEEP_MINUTES = 15  # before the first request
SECONDS = 240.0
WATCH_SECONDS = 0.03 if FULL else 0.1  # of the wall's time: two, or six, seconds of AWS's
HANDLER = f"""
import time

def model_fn(folder):
    return folder

def transform_fn(model, data, content_type, accept):
    time.sleep({MODEL_SECONDS})
    return "{{}}", "application/json"
"""
# Requests, and after how many seconds of the wall's time they are sent.
PATTERNS = {
    "a burst": [(60, 0.0)],
    "two bursts and a trickle": [(20, 0.0), *((1, 12.0 + 3 * number) for number in range(5)), (40, 30.0)],
    "one, and a burst while it starts": [(1, 0.0), (30, 8.0)],
}


@dataclass(frozen=True)
class InOrder(Durations):
    """Durations that were measured, one after the other; the last one again when there are no more."""

    left: list[float] = field(default_factory=list)

    def draw(self, source: random.Random) -> float:
        """Returns the next one."""
        del source
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def resources() -> Resources:
    """The recipe of AWS's documentation, with a model."""
    found = documented()
    found["Model"] = {
        "Type": "AWS::SageMaker::Model",
        "Properties": {
            "ExecutionRoleArn": "arn:aws:iam::000000000000:role/execution-role",
            "PrimaryContainer": {
                "Image": IMAGE,
                "ModelDataUrl": "s3://planned/model.tar.gz",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
            },
        },
    }
    (variant,) = found["Config"]["Properties"]["ProductionVariants"]
    variant |= {"ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}, "InstanceType": "ml.m5.xlarge"}
    found["Config"]["Properties"]["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] = "s3://planned/results"
    return found


def archive() -> bytes:
    """A model that takes its time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in (("code/inference.py", HANDLER), ("model.pth", "none")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


@dataclass
class Run:
    """The endpoint on a local AWS of its own."""

    local: LocalAws
    arrivals: list[float] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client with many connections."""
        return boto3.client(  # type: ignore[call-overload]  # the service's name is no literal here
            service,
            endpoint_url=self.local.endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no credential is checked
            config=Config(proxies={}, max_pool_connections=20),
        )

    def now(self) -> float:
        """AWS's time."""
        found: float = fetch_json(f"{self.local.endpoint_url}/_local/overview?region={REGION}")["clock"]["now"]
        return found

    def deploy(self) -> None:
        """Deploys the template, and takes the instance out that every endpoint begins with."""
        s3, cloudformation = self.client("s3"), self.client("cloudformation")
        s3.create_bucket(Bucket="planned")
        s3.put_object(Bucket="planned", Key="model.tar.gz", Body=archive())
        cloudformation.create_stack(
            StackName="planned", TemplateBody=json.dumps({"Resources": resources()}), Capabilities=["CAPABILITY_IAM"]
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="planned", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        self.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=ENDPOINT,
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}],
        )
        wait_for(self.is_asleep, "zero instances", SECONDS)

    def is_asleep(self) -> bool | None:
        """True if there is no instance, and no change of it."""
        found = self.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
        count = found["ProductionVariants"][0]["CurrentInstanceCount"]
        return (found["EndpointStatus"] == "InService" and not count) or None

    def send(self, pattern: list[tuple[int, float]]) -> None:
        """Sends the requests of a pattern."""
        runtime, began = self.client("sagemaker-runtime"), time.monotonic()
        aws_began = self.now()

        def send(_: int) -> float:
            at = aws_began + (time.monotonic() - began) * SPEED
            runtime.invoke_endpoint_async(EndpointName=ENDPOINT, Body=b"{}", ContentType="application/json")
            return at

        with ThreadPoolExecutor(8) as threads:
            for count, after in pattern:
                time.sleep(max(0.0, began + after - time.monotonic()))
                self.arrivals += threads.map(send, range(count))
        self.arrivals.sort()

    def activities(self) -> list[dict[str, Any]]:
        """The scaling activities that changed the capacity, the oldest first."""
        pages = self.client("application-autoscaling").get_paginator("describe_scaling_activities")
        found = [
            each
            for page in pages.paginate(ServiceNamespace="sagemaker")
            for each in page["ScalingActivities"]
            if each["StatusCode"] == "Successful"
        ]
        return sorted(found, key=lambda each: each["StartTime"])

    def service_seconds(self, begin: float) -> float:
        """The mean time that an instance takes for a request, on AWS's clock."""
        parts = ("RequestDownloadLatency", "ModelLatency", "ResponseUploadLatency")
        return sum(self._mean(metric, begin) for metric in parts)

    def _mean(self, metric: str, begin: float) -> float:
        dimensions = [{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": "AllTraffic"}]
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=metric, Dimensions=dimensions, Period=MINUTE,
            StartTime=begin, EndTime=begin + 12 * 3600, Statistics=["Sum", "SampleCount"],
        )["Datapoints"]  # fmt: skip
        total, count = (sum(each[name] for each in points) for name in ("Sum", "SampleCount"))
        return float(total / count / 1e6 * SPEED) if count else 0.0

    @contextmanager
    def watched(self) -> Iterator[list[tuple[float, int]]]:
        """Notes when another number of instances serves, on AWS's clock, meanwhile."""
        changes: list[tuple[float, int]] = []
        ends, sagemaker = threading.Event(), self.client("sagemaker")
        began, aws_began = time.monotonic(), self.now()

        def watch() -> None:
            while not ends.wait(WATCH_SECONDS):
                described = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
                count = described["ProductionVariants"][0]["CurrentInstanceCount"]
                if count != (changes[-1][1] if changes else 0):
                    changes.append((aws_began + (time.monotonic() - began) * SPEED, count))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield changes
        finally:
            ends.set()
            thread.join()


def capacity_of(activity: dict[str, Any]) -> int:
    """The capacity that an activity has set."""
    found = re.search(r"count to (\d+)\.", activity["Description"])
    assert found, activity["Description"]
    return int(found[1])


def starts_of(changes: list[tuple[float, int]], activities: list[dict[str, Any]]) -> list[float]:
    """How long each instance took from the activity that started it until it served."""
    found, before = [], 0
    for at, count in changes:
        launched = max(each["StartTime"].timestamp() for each in activities if each["StartTime"].timestamp() < at)
        found += [at - launched] * max(0, count - before)
        before = count
    return found


def ends_and_highest(changes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """The first change, the one to the highest capacity, and the last: a stall may make one step of two."""
    return [changes[0], max(changes, key=itemgetter(1)), changes[-1]]


@pytest.fixture
def run(serving: ServingEnvironments, tmp_path: Path) -> Iterator[Run]:
    local = LocalAws.start(
        serving,
        state_dir=tmp_path / "local-aws",
        speed=SPEED,
        assumptions=Assumptions(),
        times=InstanceTimes(start=START_SECONDS),
        tied=True,
    )
    try:
        yield Run(local)
    finally:
        local.stop()


@pytest.mark.parametrize("name", PATTERNS if FULL else list(PATTERNS)[:1])
def test_capacity_changes_at_the_same_minutes(run: Run, name: str) -> None:
    run.deploy()
    begins_at = run.now() // MINUTE * MINUTE + MINUTE
    # In the middle of a minute: whether a minute's first sample already sees a request must not decide.
    time.sleep((begins_at + (ASLEEP_MINUTES + 0.5) * MINUTE - run.now()) / SPEED)
    with run.watched() as changes:
        run.send(PATTERNS[name])
        wait_for(
            lambda: [capacity_of(each) for each in run.activities()][-1:] == [0] or None, "sleep after work", SECONDS
        )
    until, activities = run.now() // MINUTE * MINUTE, run.activities()

    outcome = simulate(
        stage_from([{"Resources": resources()}]),
        Traffic(begins_at, until - begins_at, array("d", (at - begins_at for at in run.arrivals))),
        Conditions(
            service=Durations.constant(run.service_seconds(begins_at)),
            start=InOrder((), starts_of(changes, activities)),
        ),
    )

    happened = [((each["StartTime"].timestamp() - begins_at) / MINUTE, capacity_of(each)) for each in activities]
    planned = [(at / MINUTE, capacity) for at, capacity in outcome.changes]
    if not FULL:
        planned, happened = map(ends_and_highest, (planned, happened))
    assert [capacity for _, capacity in planned] == [capacity for _, capacity in happened], (planned, happened)
    late = [abs(int(plan) - int(real)) for (plan, _), (real, _) in zip(planned, happened, strict=True)]
    assert max(late) <= MOST_MINUTES, (planned, happened)
