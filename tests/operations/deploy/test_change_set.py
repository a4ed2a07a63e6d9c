"""A change set is planned, shown, and then executed or discarded; CloudFormation responds from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.operations.deploy import change_set
from async_endpoint.operations.deploy.change_set import Change, ChangeSet, ChangeSetError
from async_endpoint.operations.deploy.deployed_stack import DeployedStack

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "async-endpoint-dev-endpoint"
MODEL = {"Action": "Modify", "LogicalResourceId": "Model", "ResourceType": "AWS::SageMaker::Model"}


class CloudFormation:
    """One change set: its states one after the other, and those of the stack while it is executed."""

    def __init__(
        self, *planning: str, reason: str = "", stack: tuple[str, ...] = ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    ) -> None:
        self.planning, self.reason, self.stack = list(planning), reason, list(stack)
        self.calls: list[str] = []
        self.created: dict[str, Any] = {}
        self.events: list[dict[str, str]] = [{"EventId": "old", "LogicalResourceId": "Model"}]

    def create_change_set(self, **members: Any) -> None:
        self.created = members

    def describe_change_set(self, **_: str) -> dict[str, Any]:
        status = self.planning.pop(0) if len(self.planning) > 1 else self.planning[0]
        return {"Status": status, "StatusReason": self.reason}

    def get_paginator(self, operation: str) -> CloudFormation:
        self.operation = operation
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        if self.operation == "describe_stack_events":
            yield {"StackEvents": self.events[::-1]}
            return
        yield {"Changes": [{"ResourceChange": {**MODEL, "Replacement": "True"}}]}
        yield {"Changes": [{"ResourceChange": {**MODEL, "LogicalResourceId": "Config", "Replacement": "Conditional"}}]}

    def delete_change_set(self, **_: str) -> None:
        self.calls.append("delete")

    def execute_change_set(self, **_: str) -> None:
        self.calls.append("execute")

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        status = self.stack.pop(0) if len(self.stack) > 1 else self.stack[0]
        self.events.append({
            "EventId": f"{len(self.events)}", "ResourceStatus": status, "ResourceType": "T", "LogicalResourceId": "L",
            "ResourceStatusReason": "why" if "ROLLBACK" in status else "",
        })  # fmt: skip
        return {"Stacks": [{"StackStatus": status}]}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_set, "_POLL_SECONDS", 0)


def plan(cloudformation: Any, timeout: float = 5) -> ChangeSet:
    deployed = DeployedStack(STACK, "000000000000", "eu-west-1", {}, [{"Key": "stage", "Value": "dev"}], ["arn:topic"])
    return ChangeSet.plan(cloudformation, deployed, template_url="https://s3/bucket/key", timeout=timeout)


def test_the_plan_lists_every_change_with_its_replacement() -> None:
    aws = CloudFormation("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    planned = plan(aws)
    assert [str(change) for change in planned.changes] == [
        "Modify AWS::SageMaker::Model Model, replaced",
        "Modify AWS::SageMaker::Model Config, perhaps replaced",
    ]
    assert planned.changes[0] == Change("Modify", "Model", "AWS::SageMaker::Model", "True")
    assert aws.created["TemplateURL"] == "https://s3/bucket/key"
    assert aws.created["Tags"] == [{"Key": "stage", "Value": "dev"}]
    assert aws.created["NotificationARNs"] == ["arn:topic"]
    assert {"RoleARN", "Parameters"}.isdisjoint(aws.created)


@pytest.mark.parametrize(
    "reason",
    ["The submitted information didn't contain changes. Submit different ...", "No updates are to be performed."],
)
def test_a_template_that_is_deployed_already_is_a_plan_without_changes(reason: str) -> None:
    aws = CloudFormation("FAILED", reason=reason)
    planned = plan(aws)
    assert planned.changes == ()
    assert aws.calls == ["delete"]
    assert planned.execute(print, 5)
    assert aws.calls == ["delete"]


def test_a_template_that_cannot_be_planned_leaves_nothing_behind() -> None:
    aws = CloudFormation("FAILED", reason="No export named x found.")
    with pytest.raises(ChangeSetError, match=f"CloudFormation cannot change {STACK}: No export named x found."):
        plan(aws)
    assert aws.calls == ["delete"]


def test_a_plan_that_takes_too_long_is_an_error() -> None:
    with pytest.raises(ChangeSetError, match="has not planned the change"):
        plan(CloudFormation("CREATE_IN_PROGRESS"), timeout=0)


def test_a_discarded_plan_is_deleted_once() -> None:
    aws = CloudFormation("CREATE_COMPLETE")
    planned = plan(aws)
    planned.discard()
    planned.discard()
    assert aws.calls == ["delete"]


def test_each_new_event_is_reported_once_and_none_from_before() -> None:
    aws, said = CloudFormation("CREATE_COMPLETE"), list[str]()
    assert plan(aws).execute(said.append, 5)
    assert aws.calls == ["execute"]
    assert said == ["  UPDATE_IN_PROGRESS T L", "  UPDATE_COMPLETE T L"]


def test_an_update_that_cloudformation_rolls_back_has_failed_with_its_reason_in_the_lines() -> None:
    aws = CloudFormation("CREATE_COMPLETE", stack=("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"))
    said: list[str] = []
    assert not plan(aws).execute(said.append, 5)
    assert said[-1] == "  UPDATE_ROLLBACK_COMPLETE T L: why"


def test_an_update_that_takes_too_long_continues_by_itself() -> None:
    aws = CloudFormation("CREATE_COMPLETE", stack=("UPDATE_IN_PROGRESS",))
    with pytest.raises(ChangeSetError, match="was still UPDATE_IN_PROGRESS after 0 s; CloudFormation continues"):
        plan(aws).execute(print, 0)
