"""The notify function as Lambda loads it, with an EventBridge over HTTP."""

import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import Table

from async_endpoint.protocol import JobsTableWriter, JobState
from tests.support.functions import Function
from tests.support.stream import job, number_of, written

Load = Callable[[str], Function]


@pytest.fixture
def events_of(aws_url: str, session: boto3.Session) -> Callable[[], list[dict[str, Any]]]:
    """Returns the events that the default bus got since."""
    sqs = session.client("sqs", endpoint_url=aws_url)
    events: Any = session.client("events", endpoint_url=aws_url)  # it has no stubs
    name = uuid.uuid4().hex
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["async-endpoint"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])

    def received() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return received


def test_outcomes_become_events_and_a_bad_record_is_named(
    load: Load, events_of: Callable[[], list[dict[str, Any]]]
) -> None:
    function = load("notify")
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="request"
    )
    records = [
        written(job(), job(JobState.SUBMITTED)),
        written(job(submitted_at="2027-01-15T08:00:30.000Z"), job()),
        written(None),
    ]

    response = function.module.handler({"Records": records}, context)

    assert response == {"batchItemFailures": [{"itemIdentifier": number_of(records[2])}]}
    (event,) = events_of()
    assert (event["source"], event["detail-type"]) == ("async-endpoint", "Job Finished")
    assert (event["detail"]["job_id"], event["detail"]["endpoint_name"]) == ("a" * 64, "receipts")


def test_nothing_is_left_of_a_batch_that_is_done(load: Load) -> None:
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="request"
    )
    assert load("notify").module.handler({"Records": [written(job())]}, context) == {"batchItemFailures": []}


def test_an_operator_announces_a_job_again(
    load: Load, events_of: Callable[[], list[dict[str, Any]]], jobs_table: Table
) -> None:
    name = uuid.uuid4().hex
    JobsTableWriter(jobs_table).merge(job(JobState.FAILED, job_id=name))
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="request"
    )
    assert load("notify").module.handler({"job_ids": [name, "unknown"]}, context) == {"not_announced": ["unknown"]}
    (event,) = events_of()
    assert (event["detail"]["job_id"], event["detail"]["revision"]) == (name, 1)
