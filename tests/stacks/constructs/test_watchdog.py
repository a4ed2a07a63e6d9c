"""The watchdog's schedule, its environment, and exactly what it may do."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aws_cdk.assertions import Template

from stacks.settings.alarms import AlarmSettings
from stacks.settings.base import Section
from stacks.settings.endpoint import EndpointSettings
from stacks.settings.updates import UpdateSettings
from tests.stacks.templates import (
    JOBS,
    JsonObject,
    StacksOf,
    StacksWith,
    TemplateWith,
    below,
    by_id_prefix,
    id_of,
    of_foundation,
    statements_of,
)
from watchdog.logic import LONGEST_GAP
from watchdog.settings import IDLE_MINUTES_RANGE, TRANSITION_SECONDS_RANGE

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
TOPIC = of_foundation("RefAlarmsTopic3A2DFEBA608CB3FF")
MEMORY_KEY = "watchdog of endpoint donut-async-dev; not a job, whose id has at most 64 characters"
ENDPOINT = {
    "Fn::Join": ["", ["arn:aws:sagemaker:ap-northeast-1:", {"Ref": "AWS::AccountId"}, ":endpoint/donut-async-dev"]]
}


def variables(workflow: Template) -> JsonObject:
    found: JsonObject = by_id_prefix(workflow, FUNCTION, "Watchdog")["Properties"]["Environment"]["Variables"]
    return found


def within(section: type[Section], name: str) -> tuple[int, int]:
    """The range of a setting, as its section declares it."""
    rule = section.model_json_schema()["properties"][name]
    return rule["minimum"], rule["maximum"]


def sids(workflow: Template) -> Iterator[str]:
    return (each["Sid"] for each in statements_of(workflow, "WatchdogPermissions") if "Sid" in each)


def test_it_looks_every_five_minutes(workflow: Template) -> None:
    rule = by_id_prefix(workflow, "AWS::Events::Rule", "WatchdogSchedule")["Properties"]
    function = {"Fn::GetAtt": [id_of(workflow, FUNCTION, "Watchdog"), "Arn"]}
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert rule["Targets"] == [
        {"Id": "Target0", "Arn": function, "RetryPolicy": {"MaximumEventAgeInSeconds": 300}},
    ]
    permission = by_id_prefix(workflow, "AWS::Lambda::Permission", "Watchdog")["Properties"]
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": function,
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": [id_of(workflow, "AWS::Events::Rule", "WatchdogSchedule"), "Arn"]},
    }


def test_a_run_that_failed_is_not_repeated_as_the_next_one_comes(workflow: Template) -> None:
    config = by_id_prefix(workflow, "AWS::Lambda::EventInvokeConfig", "Watchdog")["Properties"]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 300)


def test_it_has_time_and_memory_whatever_the_workers_have(workflow_with: TemplateWith) -> None:
    function = by_id_prefix(workflow_with(workflow__timeout_seconds=3, workflow__memory_mb=128), FUNCTION, "Watchdog")
    assert (function["Properties"]["Timeout"], function["Properties"]["MemorySize"]) == (60, 256)


def test_the_key_of_its_memory_is_longer_than_an_inference_id_for_every_endpoint(workflow_with: TemplateWith) -> None:
    assert len(variables(workflow_with(endpoint__name="a"))["MEMORY_KEY"]) > 64


def test_it_may_look_keep_one_item_notify_and_stop_one_endpoint_and_nothing_else(workflow: Template) -> None:
    assert statements_of(workflow, "WatchdogPermissions") == [
        {"Sid": "DescribeEndpoint", "Effect": "Allow", "Action": "sagemaker:DescribeEndpoint", "Resource": ENDPOINT},
        {
            "Sid": "ReadBounds",
            "Effect": "Allow",
            "Action": "application-autoscaling:DescribeScalableTargets",
            "Resource": "*",
        },
        {
            "Sid": "StopInstances",
            "Effect": "Allow",
            "Action": "sagemaker:UpdateEndpointWeightsAndCapacities",
            "Resource": ENDPOINT,
        },
        {"Sid": "ListJobs", "Effect": "Allow", "Action": "dynamodb:Query", "Resource": below(JOBS, "/index/by-state")},
        {
            "Sid": "RememberLook",
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            "Resource": JOBS,
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [MEMORY_KEY]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        },
        {
            "Sid": "MeasureQueues",
            "Effect": "Allow",
            "Action": "sqs:GetQueueAttributes",
            "Resource": [
                {"Fn::GetAtt": [id_of(workflow, QUEUE, f"{worker}Queue"), "Arn"]}
                for worker in ("Intake", "Results", "Urgent")
            ],
        },
        {"Sid": "Notify", "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [id_of(workflow, "AWS::Logs::LogGroup", "WatchdogLogs"), "Arn"]},
        },
    ]


def test_nothing_of_it_reads_cloudwatch_but_its_own_log(workflow: Template) -> None:
    assert "cloudwatch:" not in json.dumps(statements_of(workflow, "WatchdogPermissions"))


@pytest.mark.parametrize("changes", [{"scaling__hard_stop": False}, {"scaling__enabled": False}])
def test_where_it_may_not_stop_instances_it_has_no_right_to(
    workflow_with: TemplateWith, changes: dict[str, object]
) -> None:
    assert "StopInstances" not in set(sids(workflow_with(**changes)))


def test_under_a_key_of_the_stage_it_may_notify_work_on_the_table_and_have_its_environment(
    stacks_of: StacksOf,
) -> None:
    """And nothing else under the key: no document, no message."""
    using = {
        each.get("Sid"): (each["Action"], each["Condition"])
        for each in statements_of(stacks_of("prod")["Workflow"], "WatchdogPermissions")
        if "kms:" in json.dumps(each["Action"])
    }
    _, via = using.pop("UseTableKey")
    assert via == {"StringEquals": {"kms:ViaService": "dynamodb.ap-northeast-1.amazonaws.com"}}
    assert using == {
        "UseTopicKey": (
            ["kms:Decrypt", "kms:GenerateDataKey"],
            {"StringEquals": {"kms:ViaService": "sns.ap-northeast-1.amazonaws.com"}},
        ),
        "ReadEnvironment": (
            "kms:Decrypt",
            {"StringEquals": {"kms:ViaService": "lambda.ap-northeast-1.amazonaws.com"}},
        ),
    }


def test_the_function_takes_every_value_that_the_settings_take() -> None:
    """It would break at its start otherwise, or its range say nothing."""
    assert within(AlarmSettings, "idle_minutes") == IDLE_MINUTES_RANGE
    least, most = (
        sum(ends)
        for ends in zip(
            within(UpdateSettings, "maximum_execution_seconds"),
            within(EndpointSettings, "model_download_timeout_seconds"),
            within(EndpointSettings, "startup_health_check_timeout_seconds"),
            strict=True,
        )
    )
    assert (least, most) == TRANSITION_SECONDS_RANGE


def test_the_longest_gap_is_three_runs_of_the_schedule(workflow: Template) -> None:
    rule = by_id_prefix(workflow, "AWS::Events::Rule", "WatchdogSchedule")["Properties"]
    minutes = int(rule["ScheduleExpression"].removeprefix("rate(").removesuffix(" minutes)"))
    assert timedelta(minutes=3 * minutes) == LONGEST_GAP


def test_a_change_of_the_endpoint_may_take_an_update_and_a_start(workflow_with: TemplateWith) -> None:
    changed = workflow_with(
        updates__maximum_execution_seconds=7200,
        endpoint__model_download_timeout_seconds=900,
        endpoint__startup_health_check_timeout_seconds=1200,
    )
    assert variables(changed)["TRANSITION_SECONDS"] == "9300"


def test_prod_notifies_and_stops_nothing(stacks_of: StacksOf) -> None:
    assert variables(stacks_of("prod")["Workflow"])["HARD_STOP"] == "false"


def test_without_scaling_as_many_may_run_as_the_settings_say(workflow_with: TemplateWith) -> None:
    environment = variables(workflow_with(scaling__enabled=False, endpoint__initial_instance_count=2))
    assert environment["UNSCALED_INSTANCES"] == "2"


def test_an_alarm_reports_a_schedule_that_cannot_invoke_it(workflow: Template) -> None:
    alarm = by_id_prefix(workflow, "AWS::CloudWatch::Alarm", "WatchdogNotInvoked")["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "FailedInvocations")
    assert alarm["Dimensions"] == [
        {"Name": "RuleName", "Value": {"Ref": id_of(workflow, "AWS::Events::Rule", "WatchdogSchedule")}}
    ]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["Period"]) == (4, 2, 300)


def test_without_a_workflow_there_is_no_watchdog(stacks_with: StacksWith) -> None:
    assert stacks_with(workflow__enabled=False).keys() == {"Foundation", "Endpoint"}
