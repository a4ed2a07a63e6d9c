"""What the reads make of AWS's answers, and of those that it denies."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from async_endpoint.operations.diagnose.diagnosis import diagnose
from async_endpoint.operations.diagnose.facts import RuleFacts
from async_endpoint.operations.diagnose.gather import gather
from async_endpoint.operations.diagnose.reads.clients import SERVICES, Clients
from async_endpoint.operations.diagnose.reads.endpoint import ERRORS
from async_endpoint.operations.diagnose.reads.policies import MESSAGES, OBJECTS, allows, denials_of
from async_endpoint.operations.diagnose.reads.stacks import read_stack_reasons, stack_names
from async_endpoint.operations.diagnose.reads.workflow import read_rules
from tests.support.diagnosed import NAMES, NOW


class Denied:
    """A client whose calls AWS denies, which no local AWS does."""

    def __getattr__(self, name: str) -> Any:
        def call(*_: object, **__: object) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"not authorized: {name}"}}, name)

        return call


def test_reads_that_are_denied_are_named_and_lead_to_no_finding() -> None:
    clients = Clients(boto3.Session(region_name="eu-west-1"), dict.fromkeys(SERVICES, Denied()))
    snapshot = gather(clients, NAMES, now=NOW, since=timedelta(hours=1))
    unread = {each.part: each for each in snapshot.unread}
    assert {"endpoint", "target", "policies", "activities", "alarms", "datapoints", "queues", "functions", "rules",
            "event_sources", "buckets", "jobs", "table_status", "key", "endpoint_errors"} <= unread.keys()  # fmt: skip
    assert unread["target"].action == "application-autoscaling:DescribeScalableTargets"
    assert "not authorized" in unread["target"].why
    assert diagnose(snapshot).findings == ()


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ("Backend worker process died.", True),
        ("Load model failed: model, error: Worker died.", True),
        ("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("Backend worker monitoring thread interrupted or backend worker process died.", False),
        ("Model server started.", False),
    ],
)
def test_a_line_of_the_log_counts_if_it_reports_a_crash(line: str, is_error: bool) -> None:  # noqa: FBT001  # a parameter of the table
    assert bool(ERRORS.search(line)) is is_error


class Events:
    """A client of CloudFormation with the events of a stack, newest first."""

    def __init__(self, *events: tuple[str, str, str]) -> None:
        self._events = events

    def describe_stack_events(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        return {
            "StackEvents": [
                {
                    "StackId": StackName,
                    "PhysicalResourceId": StackName if resource == "Stack" else resource,
                    "LogicalResourceId": resource,
                    "ResourceStatus": status,
                    "ResourceStatusReason": reason,
                }
                for resource, status, reason in self._events
            ]
        }


def test_the_reason_of_a_rollback_is_the_first_failure_of_the_last_operation() -> None:
    events = Events(
        ("Stack", "UPDATE_ROLLBACK_COMPLETE", ""),
        ("Topic", "UPDATE_FAILED", "Resource update cancelled"),
        ("Alarm", "UPDATE_FAILED", "a later one"),
        ("Endpoint", "UPDATE_FAILED", "did not pass the ping health check"),
        ("Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
        ("Endpoint", "UPDATE_FAILED", "of an earlier operation"),
    )
    names = replace(NAMES, statuses={"dev-endpoint": "UPDATE_ROLLBACK_COMPLETE", "dev-workflow": "UPDATE_COMPLETE"})
    reasons = read_stack_reasons(Clients(boto3.Session(), {"cloudformation": events}), names)
    assert reasons == {"dev-endpoint": "Endpoint: did not pass the ping health check"}


class Rules:
    """A client of EventBridge with one rule, which has no target."""

    def describe_rule(self, *, Name: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        return {"Name": Name, "Arn": f"arn:aws:events:r:0:rule/{Name}", "State": "ENABLED"}

    def list_targets_by_rule(self, **_: str) -> dict[str, Any]:
        return {"Targets": []}


def test_a_rule_is_read_with_its_arn_which_its_repair_needs() -> None:
    (found,) = read_rules(Clients(boto3.Session(), {"events": Rules()}), NAMES)
    assert found == RuleFacts("Uploads4F6EB0FD", "uploads", "ENABLED", (), "arn:aws:events:r:0:rule/uploads")


def statement(**changes: Any) -> str:
    own = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"} | changes
    return json.dumps({"Version": "2012-10-17", "Statement": [own]})


def both(*policies: str) -> str:
    """One policy with the statements of several."""
    return json.dumps({"Statement": [json.loads(policy)["Statement"][0] for policy in policies]})


@pytest.mark.parametrize(
    ("policy", "denies"),
    [
        (statement(), True),
        (statement(Action="s3:*"), True),
        (statement(Action=["s3:Put*", "s3:DeleteBucket"]), True),
        (statement(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}), True),
        (statement(Effect="Allow"), False),
        (statement(Action="s3:DeleteBucket"), False),
        (statement(Action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}), False),
        (statement(Action="s3:*", Condition={"NumericLessThan": {"s3:TlsVersion": 1.2}}), False),
    ],
)
def test_a_bucket_policy_denies_work_unless_it_only_asks_for_tls(policy: str, denies: bool) -> None:  # noqa: FBT001  # a parameter of the table
    assert bool(denials_of(policy, OBJECTS)) is denies


@pytest.mark.parametrize("stack", ["async-endpoint-dev-workflow", "async-endpoint-dev-endpoint"])
def test_any_stack_of_a_stage_names_all_of_them(stack: str) -> None:
    assert stack_names(stack) == tuple(f"async-endpoint-dev-{kind}" for kind in ("foundation", "endpoint", "workflow"))


def test_a_stack_of_another_name_is_alone() -> None:
    assert stack_names("my-stack") == ("my-stack",)


@pytest.mark.parametrize(
    ("policy", "is_fed"),
    [
        (statement(Effect="Allow", Action="sqs:SendMessage"), True),
        (statement(Effect="Allow", Action=["sqs:GetQueueUrl", "SQS:*"]), True),
        (statement(Effect="Allow", Action="sqs:ReceiveMessage"), False),
        (statement(Action="sqs:SendMessage"), False),
        ("{}", False),
        (both(statement(Effect="Allow", Action="sqs:SendMessage"), statement(Action="sqs:*")), False),
        # A guard against other accounts, as security teams add one.
        (
            both(
                statement(Effect="Allow", Action="sqs:SendMessage"),
                statement(Action="sqs:*", Condition={"StringNotEquals": {"aws:SourceAccount": "123456789012"}}),
            ),
            True,
        ),
    ],
)
def test_a_queue_is_fed_if_its_policy_allows_it_to_anybody(policy: str, is_fed: bool) -> None:  # noqa: FBT001  # a parameter of the table
    assert allows(policy, MESSAGES) is is_fed
