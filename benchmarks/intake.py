"""The pipeline around an endpoint: documents a second from put to recorded, and AWS calls and invocations a document.

The alternative is the usual first version of such a pipeline: one event is one invocation of a function, which submits
the document, polls for its result and records it. Both run on one local AWS with the same endpoint, one after the
other, with the same number of functions at work. The functions of the pipeline are the deployed ones, in processes of
their own; the benchmark plays the event source mapping. Calls are counted where botocore sends them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from benchmarks.intake_functions import ALTERNATIVE, BUCKET, ENDPOINT, TABLE, VARIABLES, Mapping, work
from benchmarks.result import Result, progress
from benchmarks.serving import REPOSITORY, environment, packed
from stacks.lambda_code import staged

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

GOAL = 1.0
MOST_CALLS = 6.0
MOST_CALLS_WHEN_WAITING = 9.5
MOST_IMPORT_SECONDS = 0.5
DOCUMENTS = 400
BATCH = 10
FUNCTIONS = 4  # at work at a time: half of them submit and half record, or each does both
REGION = "us-east-1"
OUTPUTS = "outputs"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"
SAMPLES = REPOSITORY / "samples" / "tiny_classifier"

_AT_ONCE = 8
_SECONDS = 300.0
_POLL_SECONDS = 0.25
_STARTS = 5
# What all of them need to be imported.
_FOR_IMPORT = {
    "INSTANCE_REQUESTS": "16",
    "MEMORY_KEY": "m" * 65,
    "INBOX_BUCKET": BUCKET,
    "INBOX_PREFIX": "inbox/",
    **{f"{name}_QUEUE_URL": "https://sqs/queue" for name in ("INTAKE", "RESULTS", "URGENT")},
    **{f"{name}_DEAD_LETTERS_URL": "https://sqs/dead" for name in ("INTAKE", "URGENT")},
    "ALARM_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:alarms",
    "RUNBOOK": "docs/operations.md",
    "LOOK_AFTER_SECONDS": "900",
    "DELIVERY_SECONDS": "900",
    "IDLE_MINUTES": "90",
    "TRANSITION_SECONDS": "4800",
    "HARD_STOP": "true",
    "UNSCALED_INSTANCES": "0",
}
_IMPORT = "import time; began = time.perf_counter(); import {}.handler; print(time.perf_counter() - began)"


@dataclass(frozen=True)
class _Measured:
    """What one way through took.

    Attributes:
        seconds: From the first put to the last record.
        calls: AWS calls of the functions, by service and operation.
        invocations: Invocations of functions.
    """

    seconds: float
    calls: dict[str, int]
    invocations: int

    @property
    def calls_a_document(self) -> float:
        """AWS calls a document."""
        return sum(self.calls.values()) / DOCUMENTS


def run() -> Result:
    """Measures both ways, and the import of each function."""
    with tempfile.TemporaryDirectory() as place:
        local = LocalAws.start(ServingEnvironments(environment().path), state_dir=Path(place), port=None, tied=True)
        try:
            os.environ |= local.client_environment(os.environ, REGION)
            queues = _deploy()
            progress(f"{DOCUMENTS} documents, {BATCH} to a batch …")
            ours = _measure("ours/", queues, BATCH, room=DOCUMENTS)
            progress(f"{DOCUMENTS} documents of which most wait for admission …")
            waiting = _measure("waiting/", queues, BATCH, room=2 * _AT_ONCE)
            progress(f"{DOCUMENTS} documents, one event, one invocation, one poll …")
            theirs = _measure("theirs/", queues, 1, room=DOCUMENTS)
        finally:
            local.stop()
    imports = {name: _import_seconds(name) for name in ("submit", "record", "reconcile", "notify", "watchdog")}
    return Result(
        theirs.seconds / ours.seconds,
        GOAL,
        conditions={
            "calls_ok": round(ours.calls_a_document, 2) <= MOST_CALLS,
            "waiting_calls_ok": round(waiting.calls_a_document, 2) <= MOST_CALLS_WHEN_WAITING,
            "imports_ok": max(imports.values()) < MOST_IMPORT_SECONDS,
        },
        figures={
            "documents": DOCUMENTS,
            "documents_a_second": round(DOCUMENTS / ours.seconds, 1),
            "one_by_one_a_second": round(DOCUMENTS / theirs.seconds, 1),
            "calls_a_document": round(ours.calls_a_document, 2),
            "one_by_one_calls_a_document": round(theirs.calls_a_document, 2),
            "invocations_a_document": round(ours.invocations / DOCUMENTS, 3),
            "one_by_one_invocations_a_document": round(theirs.invocations / DOCUMENTS, 3),
            "waiting_a_second": round(DOCUMENTS / waiting.seconds, 1),
            "waiting_calls_a_document": round(waiting.calls_a_document, 2),
            "calls": ours.calls,
            "waiting_calls": waiting.calls,
            "import_milliseconds": {name: round(1000 * seconds) for name, seconds in imports.items()},
        },
    )


def _client(service: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the service's name is not a literal here


def _deploy() -> dict[str, str]:
    """Creates the buckets, queues, table and endpoint; returns the URLs of the queues."""
    s3, sns, sqs, sagemaker, dynamodb = (_client(name) for name in ("s3", "sns", "sqs", "sagemaker", "dynamodb"))
    for bucket in (BUCKET, OUTPUTS):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.upload_file(str(packed(folder=SAMPLES)), OUTPUTS, "model.tar.gz")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("job_id", "state", "updated_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    queues = {}
    for name in ("ours", "urgent", "theirs", "results"):
        queues[name] = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "120"})["QueueUrl"]
    topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("success", "error")]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn(sqs, queues["results"]))
    sagemaker.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/benchmark",
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{OUTPUTS}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        },
    )
    variant = {"VariantName": "AllTraffic", "ModelName": ENDPOINT, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT,
        ProductionVariants=[{**variant, "InitialInstanceCount": 1}],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": _AT_ONCE},
            "OutputConfig": {
                "S3OutputPath": f"s3://{OUTPUTS}/results",
                "S3FailurePath": f"s3://{OUTPUTS}/failures",
                "NotificationConfig": {"SuccessTopic": topics[0], "ErrorTopic": topics[1]},
            },
        },
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
    )
    return queues


def _arn(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def _measure(prefix: str, queues: dict[str, str], batch: int, *, room: int) -> _Measured:
    """Starts the functions, uploads the documents and waits until all are recorded."""
    context = multiprocessing.get_context("spawn")
    counted: Queue[tuple[dict[str, int], int]] = context.Queue()
    stop = context.Event()
    name = prefix.rstrip("/")
    alternative = name == "theirs"
    roles = [ALTERNATIVE] * FUNCTIONS if alternative else ["submit", "record"] * (FUNCTIONS // 2)
    intake = queues["theirs" if alternative else "ours"]
    urls = {"submit": intake, "record": queues["results"], ALTERNATIVE: intake}
    mappings = [Mapping(role, urls[role], batch, room) for role in roles]
    if not alternative:  # the documents whose turn it is
        mappings.append(Mapping("submit", queues["urgent"], batch, room))
    if alternative:  # nobody works on these
        _client("sqs").purge_queue(QueueUrl=queues["results"])
    workers = [context.Process(target=work, args=(mapping, queues, stop, counted), daemon=True) for mapping in mappings]
    for worker in workers:
        worker.start()
    s3, sqs = _client("s3"), _client("sqs")
    for _ in workers:
        counted.get(timeout=_SECONDS)  # it has imported its function
    bodies = [json.dumps(json.loads(line)["request"]).encode() for line in _samples()]
    began = time.perf_counter()
    for number in range(DOCUMENTS):
        body, key = bodies[number % len(bodies)], f"{prefix}{number}.json"
        version = s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="application/json")["VersionId"]
        sqs.send_message(QueueUrl=intake, MessageBody=_event(key, version, len(body)))
    seconds = _recorded(prefix, began)
    stop.set()
    calls: dict[str, int] = {}
    invocations = 0
    for _ in workers:
        found, count = counted.get(timeout=_SECONDS)
        invocations += count
        for operation, number in found.items():
            calls[operation] = calls.get(operation, 0) + number
    for worker in workers:
        worker.join(_SECONDS)
    return _Measured(seconds, dict(sorted(calls.items())), invocations)


def _samples() -> list[str]:
    return (SAMPLES / "samples.jsonl").read_text(encoding="utf-8").splitlines()


def _recorded(prefix: str, began: float) -> float:
    """Waits until every document's job is COMPLETED; returns the seconds since the beginning."""
    pages = _client("dynamodb").get_paginator("scan")
    while True:
        states = [
            item["state"]["S"]
            for page in pages.paginate(TableName=TABLE, ConsistentRead=True)
            for item in page["Items"]
            if item.get("key", {}).get("S", "").startswith(prefix)
        ]
        if states.count("COMPLETED") == DOCUMENTS:
            return time.perf_counter() - began
        if time.perf_counter() - began > _SECONDS:
            raise RuntimeError(
                f"{len(states)} of {DOCUMENTS} documents are recorded after {_SECONDS:g} s: {set(states)}."
            )
        time.sleep(_POLL_SECONDS)


def _event(key: str, version: str, size: int) -> str:
    return json.dumps(
        {
            "id": "benchmark",
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2027-01-15T08:00:00Z",
            "region": REGION,
            "detail": {
                "bucket": {"name": BUCKET},
                "object": {"key": key, "size": size, "etag": "etag", "version-id": version},
            },
        }
    )


def _import_seconds(name: str) -> float:
    """Returns the median time of importing a function's staged code in a new process."""
    variables = {**os.environ, **VARIABLES, **_FOR_IMPORT, "AWS_DEFAULT_REGION": REGION}
    with staged(name, sources=REPOSITORY) as folder:
        return statistics.median(
            float(
                subprocess.run(
                    [sys.executable, "-c", _IMPORT.format(name)],
                    env={**variables, "PYTHONPATH": str(folder)},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(_STARTS)
        )
