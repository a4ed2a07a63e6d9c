"""Both workers have the same anatomy; what each is for is in test_workflow.py."""

import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import JsonObject, StacksOf, by_id_prefix, id_of, of_foundation, waits_for

QUEUE = "AWS::SQS::Queue"
FUNCTION = "AWS::Lambda::Function"
WORKERS = {"Intake": "submit", "Results": "record"}


@pytest.fixture(params=list(WORKERS))
def worker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def arn(template: Template, resource_type: str, logical_id_prefix: str) -> JsonObject:
    return {"Fn::GetAtt": [id_of(template, resource_type, logical_id_prefix), "Arn"]}


def test_a_message_that_keeps_failing_goes_to_the_dlq(workflow: Template, worker: str) -> None:
    assert by_id_prefix(workflow, QUEUE, f"{worker}Queue")["Properties"] == {
        "SqsManagedSseEnabled": True,
        "VisibilityTimeout": 180,
        "MessageRetentionPeriod": 7 * 86_400,
        "RedrivePolicy": {
            "deadLetterTargetArn": arn(workflow, QUEUE, f"{worker}DeadLetters"),
            "maxReceiveCount": 5,
        },
    }


def test_the_dlq_keeps_messages_longer_than_the_queue_they_came_from(workflow: Template, worker: str) -> None:
    assert by_id_prefix(workflow, QUEUE, f"{worker}DeadLetters")["Properties"] == {
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 14 * 86_400,
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_function_has_ended_long_before_its_messages_come_again(stacks_of: StacksOf, worker: str, stage: str) -> None:
    template = stacks_of(stage)["Workflow"]
    timeout = by_id_prefix(template, FUNCTION, f"{worker}Function")["Properties"]["Timeout"]
    visibility = by_id_prefix(template, QUEUE, f"{worker}Queue")["Properties"]["VisibilityTimeout"]
    assert visibility >= 6 * timeout


@pytest.mark.parametrize("queue", ["Queue", "DeadLetters"])
def test_a_queue_denies_requests_without_tls(workflow: Template, worker: str, queue: str) -> None:
    policy = by_id_prefix(workflow, "AWS::SQS::QueuePolicy", f"{worker}{queue}Policy")["Properties"]
    assert policy["Queues"] == [{"Ref": id_of(workflow, QUEUE, f"{worker}{queue}")}]
    (denial,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny")
    assert denial == {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": arn(workflow, QUEUE, f"{worker}{queue}"),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_a_function_runs_with_the_pinned_layer_and_logs_into_its_own_group(workflow: Template, worker: str) -> None:
    function = by_id_prefix(workflow, FUNCTION, f"{worker}Function")["Properties"]
    assert (function["Runtime"], function["Handler"]) == ("python3.14", f"{WORKERS[worker]}.handler.handler")
    assert function["Layers"] == [
        "arn:aws:lambda:ap-northeast-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:36",
    ]
    group = {"Ref": id_of(workflow, "AWS::Logs::LogGroup", f"{worker}Logs")}
    assert function["LoggingConfig"] == {"LogGroup": group}
    assert not {"FunctionName", "ReservedConcurrentExecutions"} & function.keys()


def test_messages_of_a_batch_fail_alone(workflow: Template, worker: str) -> None:
    mapping = by_id_prefix(workflow, "AWS::Lambda::EventSourceMapping", f"{worker}Messages")["Properties"]
    assert mapping["EventSourceArn"] == arn(workflow, QUEUE, f"{worker}Queue")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(("stage", "days"), [("dev", 14), ("prod", 90)])
def test_logs_expire(stacks_of: StacksOf, worker: str, stage: str, days: int) -> None:
    group = by_id_prefix(stacks_of(stage)["Workflow"], "AWS::Logs::LogGroup", f"{worker}Logs")
    assert group["Properties"]["RetentionInDays"] == days
    assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_only_lambda_may_assume_a_role_and_it_has_no_managed_policy(workflow: Template, worker: str) -> None:
    role = by_id_prefix(workflow, "AWS::IAM::Role", f"{worker}Role")["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ]
    assert role.keys() == {"AssumeRolePolicyDocument", "Description"}


def test_a_function_may_do_all_it_needs_before_its_first_message(workflow: Template, worker: str) -> None:
    mapping = id_of(workflow, "AWS::Lambda::EventSourceMapping", f"{worker}Messages")
    assert id_of(workflow, "AWS::IAM::ManagedPolicy", f"{worker}Permissions") in waits_for(workflow, mapping)


def test_the_first_message_in_the_dlq_raises_an_alarm_that_says_what_to_do(workflow: Template, worker: str) -> None:
    alarm = by_id_prefix(workflow, "AWS::CloudWatch::Alarm", f"{worker}Alarm")["Properties"]
    separator, (said, working_queue, end) = alarm["AlarmDescription"]["Fn::Join"]
    assert (separator, working_queue) == ("", {"Fn::GetAtt": [id_of(workflow, QUEUE, f"{worker}Queue"), "QueueName"]})
    assert f"{said}QUEUE{end}" == (
        f"Function {WORKERS[worker]} gave up on messages after 5 attempts. They are in this alarm's DLQ until 14 days "
        "after they were sent. Find the cause in the function's log, fix it, then move the messages back: in SQS, "
        "start a DLQ redrive to QUEUE as custom destination. Runbook: docs/operations.md#messages-were-dead-lettered "
        "in the repository of this stage (alarms.runbook_url makes this a link)"
    )
    queue = id_of(workflow, QUEUE, f"{worker}DeadLetters")
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"]) == (1, 1)
    assert alarm["AlarmActions"] == [of_foundation("RefAlarmsTopic3A2DFEBA608CB3FF")]
