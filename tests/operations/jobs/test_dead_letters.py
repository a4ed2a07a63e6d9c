"""What a look into a DLQ shows, and what it leaves as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.jobs.dead_letters import DeadLetterQueue
from async_endpoint.protocol import AttemptRequest
from tests.support.intake import object_created
from tests.support.jobs_table import NOON, failed

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

    from tests.support.deployed_workflow import DeployedWorkflow


def test_a_sample_shows_document_job_age_receipts_and_reason_and_leaves_the_messages(
    deployed: DeployedWorkflow,
) -> None:
    job_id = deployed.failed("inbox/a", "no image")
    deployed.jobs.merge(failed("client", NOON, "too long"))
    bodies = [
        json.dumps(object_created("inbox/b.png", version_id="v1")),
        AttemptRequest(job_id, 2).to_message(),
        "not json",
        '{"something": "else"}',
        '{"source": "aws.s3", "detail": {}}',
    ]
    url = deployed.intake.dead_letters_url
    for body in bodies:
        deployed.sqs.send_message(QueueUrl=url, MessageBody=body)
    attributes: dict[str, MessageAttributeValueTypeDef] = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in (("ERROR_CODE", "NO_PERMISSIONS"), ("ERROR_MESSAGE", "not allowed"))
    }
    deployed.sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=attributes)
    letters = DeadLetterQueue(deployed.sqs, deployed.intake.dead_letters_url, deployed.jobs)

    found = letters.sample(100)

    assert letters.count() == 6
    assert {(each.kind, each.document, each.job_state, each.reason) for each in found} == {
        ("upload", "s3://inputs/inbox/b.png", None, None),
        ("request for attempt 2", f"s3://{deployed.bucket}/inbox/a", "FAILED", "no image"),
        ("not a JSON object", None, None, None),
        ("of an unknown kind", None, None, None),
        ("of an unknown kind", None, None, "EventBridge could not deliver it: NO_PERMISSIONS: not allowed"),
    }
    assert {each.receive_count for each in found} == {1}
    assert len(letters.sample(2)) <= 2


def test_outcomes_that_were_not_announced_say_when_they_were_written_or_which_job_it_is(
    deployed: DeployedWorkflow,
) -> None:
    given_up = {  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 5},
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1",
            "batchSize": 7,
            "approximateArrivalOfFirstRecord": "2026-01-31T12:00:00Z",
            "approximateArrivalOfLastRecord": "2026-01-31T12:05:00Z",
        },
    }
    detail = {"input_location": "s3://inputs/inbox/c.png", "job_id": "c"}
    outcome = {"source": "async-endpoint", "detail-type": "Job Finished", "detail": detail}
    letters = DeadLetterQueue(deployed.sqs, deployed.intake.dead_letters_url, deployed.jobs)
    for body in (given_up, outcome, {"source": "async-endpoint", "detail-type": "Job Finished"}):
        deployed.sqs.send_message(QueueUrl=deployed.intake.dead_letters_url, MessageBody=json.dumps(body))

    assert {(each.kind, each.document, each.job_id) for each in letters.sample(10)} == {
        ("7 records of the jobs table, written from 2026-01-31T12:00:00Z to 2026-01-31T12:05:00Z", None, None),
        ("event: Job Finished", "s3://inputs/inbox/c.png", "c"),
        ("of an unknown kind", None, None),
    }


def test_a_notification_leads_to_its_job(deployed: DeployedWorkflow) -> None:
    deployed.jobs.merge(failed("client", NOON, "too long"))
    notification = {
        "awsRegion": "ap-northeast-1",
        "inferenceId": "client",
        "invocationStatus": "Failed",
        "failureReason": "too long",
        "requestParameters": {"endpointName": "receipts", "inputLocation": "s3://inputs/a.png"},
    }
    envelope = {"Type": "Notification", "Message": json.dumps(notification)}
    deployed.sqs.send_message(QueueUrl=deployed.results.dead_letters_url, MessageBody=json.dumps(envelope))

    (found,) = DeadLetterQueue(deployed.sqs, deployed.results.dead_letters_url, deployed.jobs).sample(10)

    assert (found.kind, found.job_id, found.job_state, found.reason, found.document) == (
        "notification: failure",
        "client",
        "FAILED",
        "too long",
        "s3://inputs/a.png",
    )
    assert found.to_json()["sent_at"].startswith("2")


def test_a_purge_deletes_the_messages(deployed: DeployedWorkflow) -> None:
    letters = DeadLetterQueue(deployed.sqs, deployed.intake.dead_letters_url, deployed.jobs)
    deployed.sqs.send_message(QueueUrl=deployed.intake.dead_letters_url, MessageBody="{}")
    letters.purge()

    assert letters.count() == 0
    assert letters.sample(10) == []


def test_hidden_messages_are_waited_for_until_the_time_is_up(deployed: DeployedWorkflow) -> None:
    url = deployed.intake.dead_letters_url
    deployed.sqs.send_message(QueueUrl=url, MessageBody="any")
    letters = DeadLetterQueue(deployed.sqs, url, deployed.jobs)
    assert letters.await_hidden(Deadline(0)) == 0
    (hidden,) = deployed.sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]

    def show(_: float) -> None:
        deployed.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=hidden["ReceiptHandle"], VisibilityTimeout=0)

    assert letters.await_hidden(Deadline(0)) == 1
    assert letters.await_hidden(Deadline(60, sleep=show)) == 0
