"""The functions of the intake's benchmark at work, each in a process of its own, and the alternative to them.

A process plays the event source mapping of one function: it receives batches, calls the handler, deletes what is done.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3

from benchmarks.serving import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingOf
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

ALTERNATIVE = "one_by_one"
BUCKET, TABLE, ENDPOINT = "inputs", "jobs", "intake"
_REGION = "us-east-1"
_POLL_SECONDS = 0.25
VARIABLES = {
    "ENDPOINT_NAME": ENDPOINT,
    "VARIANT_NAME": "AllTraffic",
    "JOBS_TABLE": TABLE,
    "JOB_RETENTION_DAYS": "30",
    "CLAIM_SECONDS": "60",
    "REQUEST_TTL_SECONDS": "3600",
    "INVOCATION_TIMEOUT_SECONDS": "60",
    "MAX_SUBMISSIONS": "3",
    "RETRY_DELAY_SECONDS": "1",
    "WAKE_ON_SUBMIT": "true",
    "ADMISSION": "true",
    "URGENT_PREFIX": "urgent/",
    "INSTANCE_BATCH": "8",
    "MAX_INSTANCES": "1",
    "BATCH_SIZE": "10",
    "MAX_CONCURRENCY": "2",
    "BACKLOG_PER_INSTANCE": "5",
    "WAKE_COOLDOWN_SECONDS": "900",
    "POWERTOOLS_SERVICE_NAME": "benchmark",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class Mapping:
    """An event source mapping.

    Attributes:
        function: The function's folder in `lambda/`, or `ALTERNATIVE`.
        url: Of the queue.
        batch: The most messages of a batch.
        room: Documents that the endpoint may have at a time; others wait for admission.
    """

    function: str
    url: str
    batch: int
    room: int


def work(
    mapping: Mapping, queues: MappingOf[str, str], stop: Event, counted: Queue[tuple[dict[str, int], int]]
) -> None:
    """Plays an event source mapping until it is stopped.

    Args:
        mapping: What it maps.
        queues: The URLs of the queues by name.
        stop: Ends it.
        counted: Gets a message when the function is imported, and at the end the function's AWS calls by service and
            operation, and the number of its invocations.
    """
    calls: dict[str, int] = {}

    def count(model: Any, **_: object) -> None:
        name = f"{model.service_model.service_name}.{model.name}"
        calls[name] = calls.get(name, 0) + 1

    os.environ |= {
        **VARIABLES,
        "INTAKE_QUEUE_URL": queues["ours"],
        "URGENT_QUEUE_URL": queues["urgent"],
        "INSTANCE_REQUESTS": str(mapping.room),
    }
    sys.path.insert(0, str(REPOSITORY / "lambda"))
    sqs: Any = boto3.Session().client("sqs")  # not counted: Lambda's own calls
    session = boto3.Session()
    session.events.register("before-call", count)
    boto3.DEFAULT_SESSION = session
    function = mapping.function
    handler = _one_by_one() if function == ALTERNATIVE else importlib.import_module(f"{function}.handler").handler
    calls.clear()
    invocations = 0
    counted.put(({}, 0))
    while not stop.is_set():
        response = sqs.receive_message(QueueUrl=mapping.url, MaxNumberOfMessages=mapping.batch, WaitTimeSeconds=1)
        messages = response.get("Messages", [])
        if not messages:
            continue
        if len(messages) < mapping.batch:  # as a batching window does
            missing = mapping.batch - len(messages)
            more = sqs.receive_message(QueueUrl=mapping.url, MaxNumberOfMessages=missing, WaitTimeSeconds=1)
            messages += more.get("Messages", [])
        kept = _invoke(handler, messages)
        invocations += 1
        done = [each for each in messages if each["MessageId"] not in kept]
        if done:
            sqs.delete_message_batch(
                QueueUrl=mapping.url,
                Entries=[{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(done)],
            )
    counted.put((calls, invocations))


def _invoke(handler: Any, messages: list[dict[str, Any]]) -> set[str]:
    """Calls a function with a batch; returns the ids of the messages that stay."""
    context = SimpleNamespace(
        function_name="function",
        memory_limit_in_mb=256,
        invoked_function_arn=f"arn:aws:lambda:{_REGION}:000000000000:function:function",
        aws_request_id="request",
        get_remaining_time_in_millis=lambda: 30_000,
    )
    records = [
        {
            "messageId": each["MessageId"],
            "body": each["Body"],
            "eventSource": "aws:sqs",
            "attributes": {},
            "messageAttributes": {},
        }
        for each in messages
    ]
    response = handler({"Records": records}, context)
    return {failure["itemIdentifier"] for failure in response["batchItemFailures"]}


def _one_by_one() -> Any:
    """Returns the alternative: submits the one document of an event, polls for its result, records it."""
    runtime, s3, dynamodb = boto3.client("sagemaker-runtime"), boto3.client("s3"), boto3.client("dynamodb")

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        del context
        (record,) = event["Records"]
        key = json.loads(record["body"])["detail"]["object"]["key"]
        location = runtime.invoke_endpoint_async(
            EndpointName=ENDPOINT, InputLocation=f"s3://{BUCKET}/{key}", ContentType="application/json"
        )["OutputLocation"]
        where = urlsplit(location)
        while True:
            try:
                s3.head_object(Bucket=where.netloc, Key=where.path[1:])
                break
            except s3.exceptions.ClientError:
                time.sleep(_POLL_SECONDS)
        dynamodb.put_item(
            TableName=TABLE,
            Item={"job_id": {"S": key}, "key": {"S": key}, "state": {"S": "COMPLETED"}, "result": {"S": location}},
        )
        return {"batchItemFailures": []}

    return handler
