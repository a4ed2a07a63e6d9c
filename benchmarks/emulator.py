"""The local AWS: 100 documents through the whole asynchronous path, against posting them to the same container.

The same run measures how many requests per second one boto3 process with two threads submits, the median response time,
and the memory of 20,000 queued requests.
"""

import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import urllib3
from botocore.config import Config

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY, environment, packed

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

GOAL = 1.10
ROUNDS = 5
LEAST_ACCEPTED_PER_SECOND = 200
MOST_MILLISECONDS = 12
QUEUED = 20_000
MOST_MEGABYTES = 300

_CLIENT_THREADS = 2
_REGION = "us-east-1"
_ENDPOINT = "benchmark"
_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"
_MEDIA_TYPE = "application/x-image"
_POLL_SECONDS = 0.05
_ADDRESS_VARIABLE = "TS_INFERENCE_ADDRESS"


def run() -> Result:
    """Serves the small Donut once, and takes all three measurements on it."""
    with tempfile.TemporaryDirectory() as place:
        local = LocalAws.start(ServingEnvironments(environment().path), state_dir=Path(place), port=None, tied=True)
        try:
            return _measured(_Endpoint.deployed(local))
        finally:
            local.stop()


@dataclass(frozen=True)
class _Endpoint:
    """An endpoint of one instance that takes one request at a time, and the documents in its input bucket."""

    local: LocalAws
    images: tuple[bytes, ...]

    @classmethod
    def deployed(cls, local: LocalAws) -> "_Endpoint":
        receipts = sorted((REPOSITORY / "samples" / "receipts").glob("*.jpg"))
        endpoint = cls(local, tuple(receipt.read_bytes() for receipt in receipts))
        endpoint._deploy()
        return endpoint

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the service's name is not a literal here
            service,
            endpoint_url=self.local.endpoint_url,
            region_name=_REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no credential is checked
            config=Config(retries={"total_max_attempts": 1}, proxies={}, parameter_validation=True),
        )

    def _deploy(self) -> None:
        s3, sns, sqs, sagemaker = (self.client(name) for name in ("s3", "sns", "sqs", "sagemaker"))
        for bucket in ("inputs", "outputs"):
            s3.create_bucket(Bucket=bucket)
        s3.upload_file(str(packed()), "inputs", "model.tar.gz")
        for number, image in enumerate(self.images):
            s3.put_object(Bucket="inputs", Key=f"{number}.jpg", Body=image, ContentType=_MEDIA_TYPE)
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        heard = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("success", "error")]
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard)
        sagemaker.create_model(
            ModelName=_ENDPOINT,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/benchmark",
            PrimaryContainer={
                "Image": _IMAGE,
                "ModelDataUrl": "s3://inputs/model.tar.gz",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
            },
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=_ENDPOINT,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": _ENDPOINT,
                    "InstanceType": "ml.m5.xlarge",
                    "InitialInstanceCount": 1,
                }
            ],
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1},
                "OutputConfig": {
                    "S3OutputPath": "s3://outputs/results",
                    "S3FailurePath": "s3://outputs/failures",
                    "NotificationConfig": {"SuccessTopic": topics[0], "ErrorTopic": topics[1]},
                },
            },
        )
        sagemaker.create_endpoint(EndpointName=_ENDPOINT, EndpointConfigName=_ENDPOINT)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=_ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
        )

    def directly(self) -> float:
        """Seconds for every document, one after another, posted to the container."""
        pool = urllib3.connection_from_url(self._container_address(), maxsize=1)
        began = time.perf_counter()
        for image in self.images:
            result = pool.request("POST", "/invocations", body=image, headers={"Content-Type": _MEDIA_TYPE})
            if result.status != HTTPStatus.OK:
                raise RuntimeError(f"The container returned {result.status}: {result.data[:300]!r}")
        return time.perf_counter() - began

    def asynchronously(self) -> float:
        """Seconds from the first InvokeEndpointAsync until the last result is in S3."""
        runtime, s3 = self.client("sagemaker-runtime"), self.client("s3")
        began = time.perf_counter()
        locations = [
            runtime.invoke_endpoint_async(
                EndpointName=_ENDPOINT, InputLocation=f"s3://inputs/{number}.jpg", ContentType=_MEDIA_TYPE
            )["OutputLocation"]
            for number in range(len(self.images))
        ]
        last, *others = (location.removeprefix("s3://outputs/") for location in reversed(locations))
        while not s3.list_objects_v2(Bucket="outputs", Prefix=last)["KeyCount"]:
            time.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - began
        found = {item["Key"] for item in s3.list_objects_v2(Bucket="outputs", Prefix="results/")["Contents"]}
        if not found.issuperset(others):  # one at a time and in order: the last is the last
            raise RuntimeError("A result came later than the last one.")
        if failed := s3.list_objects_v2(Bucket="outputs", Prefix="failures/")["KeyCount"]:
            raise RuntimeError(f"{failed} documents failed.")
        return seconds

    def accept(self) -> tuple[float, float]:
        """Queues requests at zero instances; returns requests per second, and the median response time in ms."""
        sagemaker = self.client("sagemaker")
        change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 0}
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=_ENDPOINT, DesiredWeightsAndCapacities=[change])
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=_ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        runtime = self.client("sagemaker-runtime")
        waited: list[float] = []
        together = threading.Barrier(_CLIENT_THREADS + 1)
        with ThreadPoolExecutor(_CLIENT_THREADS) as clients:
            share = QUEUED // _CLIENT_THREADS
            work = [clients.submit(_submit, runtime, share, waited, together) for _ in range(_CLIENT_THREADS)]
            together.wait()
            began = time.perf_counter()
            for each in work:
                each.result()
        return QUEUED / (time.perf_counter() - began), statistics.median(waited) * 1e3

    def memory(self) -> float:
        """The memory of the local AWS's process, in MB."""
        return float(psutil.Process(self.local.pid).memory_info().rss) / 1e6

    def _container_address(self) -> str:
        for process in psutil.Process(self.local.pid).children(recursive=True):
            if address := process.environ().get(_ADDRESS_VARIABLE):
                return str(address)
        raise RuntimeError("No container runs.")


def _submit(runtime: "SageMakerRuntimeClient", count: int, waited: list[float], together: threading.Barrier) -> None:
    together.wait()
    for number in range(count):
        began = time.perf_counter()
        runtime.invoke_endpoint_async(EndpointName=_ENDPOINT, InputLocation=f"s3://inputs/{number % 100}.jpg")
        waited.append(time.perf_counter() - began)


def _measured(endpoint: _Endpoint) -> Result:
    endpoint.directly()  # the first documents of a worker take longer
    direct, through = [], []
    for turn in range(ROUNDS):
        direct.append(endpoint.directly())
        through.append(endpoint.asynchronously())
        progress(f"round {turn + 1}: directly {direct[-1]:.2f} s, asynchronously {through[-1]:.2f} s")
    idle = endpoint.memory()
    per_second, milliseconds = endpoint.accept()
    grown = endpoint.memory() - idle
    progress(f"{per_second:.0f} accepted a second, p50 {milliseconds:.1f} ms; {QUEUED} queued cost {grown:.0f} MB")
    return Result(
        # One ratio per round, because the machine's speed varies between rounds.
        ratio=statistics.median(there / here for here, there in zip(direct, through, strict=True)),
        goal=GOAL,
        at_most=True,
        conditions={
            f"at_least_{LEAST_ACCEPTED_PER_SECOND}_accepted_per_second": per_second >= LEAST_ACCEPTED_PER_SECOND,
            f"p50_acknowledgement_below_{MOST_MILLISECONDS}_ms": milliseconds < MOST_MILLISECONDS,
            f"{QUEUED}_queued_below_{MOST_MEGABYTES}_mb": grown < MOST_MEGABYTES,
        },
        figures={
            "documents": len(endpoint.images),
            "direct_seconds": round(statistics.median(direct), 2),
            "asynchronous_seconds": round(statistics.median(through), 2),
            "accepted_per_second": round(per_second),
            "p50_acknowledgement_ms": round(milliseconds, 2),
            "queued_mb_above_idle": round(grown, 1),
            "cores": len(os.sched_getaffinity(0)),
        },
    )
