"""The function that announces outcomes: what invokes it, what it gives up on, and who is notified."""

import json

import pytest
from aws_cdk.assertions import Template

from async_endpoint.protocol import JobState
from tests.stacks.templates import JOBS, StacksOf, below, by_id_prefix, id_of, published, waits_for

FUNCTION = "AWS::Lambda::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
QUEUE = "AWS::SQS::Queue"


def test_writes_that_leave_a_job_with_an_outcome_invoke_it(workflow: Template) -> None:
    mapping = by_id_prefix(workflow, MAPPING, "NotifierOutcomes")["Properties"]
    (criterion,) = mapping.pop("FilterCriteria")["Filters"]
    assert json.loads(criterion["Pattern"]) == {
        "dynamodb": {"NewImage": {"state": {"S": [state.value for state in JobState if state.is_final]}}}
    }
    assert mapping == {
        "EventSourceArn": published(workflow, "jobs-stream"),
        "FunctionName": {"Ref": id_of(workflow, FUNCTION, "NotifierFunction")},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 4,
        "MaximumRecordAgeInSeconds": 21_600,
        "DestinationConfig": {
            "OnFailure": {"Destination": {"Fn::GetAtt": [id_of(workflow, QUEUE, "NotifierDeadLetters"), "Arn"]}}
        },
    }


def test_the_mapping_is_made_after_the_functions_permissions(workflow: Template) -> None:
    policy = id_of(workflow, "AWS::IAM::ManagedPolicy", "NotifierPermissions")
    assert policy in waits_for(workflow, id_of(workflow, MAPPING, "NotifierOutcomes"))


def test_it_may_read_the_stream_send_events_to_one_bus_and_give_up(workflow: Template) -> None:
    policy = by_id_prefix(workflow, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]
    bus = {"Fn::Join": ["", ["arn:aws:events:ap-northeast-1:", {"Ref": "AWS::AccountId"}, ":event-bus/default"]]}
    statements = policy["PolicyDocument"]["Statement"]
    assert [(each.get("Sid"), each["Action"], each["Resource"]) for each in statements] == [
        (
            "ReadStream",
            [f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")],
            below(JOBS, "/stream/*"),
        ),
        ("GetJob", "dynamodb:GetItem", JOBS),
        ("Announce", "events:PutEvents", bus),
        (
            None,
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {"Fn::GetAtt": [id_of(workflow, "AWS::Logs::LogGroup", "NotifierLogs"), "Arn"]},
        ),
        ("GiveUp", "sqs:SendMessage", {"Fn::GetAtt": [id_of(workflow, QUEUE, "NotifierDeadLetters"), "Arn"]}),
    ]


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "runbook"),
    [
        ("NotifierAlarm", "ApproximateNumberOfMessagesVisible", 1, "outcomes-were-not-announced"),
        ("NotifierWaiting", "IteratorAge", 900_000, "outcomes-are-announced-late"),
        ("NotifierErrors", "Errors", 1, "a-function-breaks"),
    ],
)
def test_an_alarm_notifies_of_its_trouble(
    workflow: Template, name: str, metric: str, threshold: int, runbook: str
) -> None:
    alarm = by_id_prefix(workflow, "AWS::CloudWatch::Alarm", name)["Properties"]
    assert (alarm["MetricName"], alarm["Threshold"]) == (metric, threshold)
    assert f"Runbook: docs/operations.md#{runbook} " in alarm["AlarmDescription"]
    assert len(alarm["AlarmActions"]) == 1


def test_under_the_stages_key_it_may_use_the_key(stacks_of: StacksOf) -> None:
    template = stacks_of("prod")["Workflow"]
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]["PolicyDocument"]
    assert {"UseTableKey", "UseKey", "ReadEnvironment"} <= {each.get("Sid") for each in policy["Statement"]}
    queue = by_id_prefix(template, QUEUE, "NotifierDeadLetters")["Properties"]
    assert queue["KmsMasterKeyId"]
