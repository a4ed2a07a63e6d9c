"""The check of the stacks: each is in a state from which a deploy can start.

States: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html. What the CDK CLI does
in each is in the source of its release 2.1148.1: it deletes a stack whose creation failed, waits for a stack in
progress, and starts from no other failed state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from async_endpoint.operations.preflight.clients import Clients

STACKS = "stacks"

_FAILED_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
_COMMANDS = {
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
    "UPDATE_FAILED": "rollback-stack",
    "CREATE_FAILED": "rollback-stack",
    "DELETE_FAILED": "delete-stack",
}


@dataclass(frozen=True)
class StackState:
    """A stack as CloudFormation describes it.

    Attributes:
        status: None if there is no such stack.
        is_protected: Whether termination protection is on.
        owned: Type and physical name of each of its resources.
    """

    name: str
    status: str | None
    is_protected: bool = False
    owned: frozenset[tuple[str, str]] = frozenset()

    def owns(self, kind: str, name: str) -> bool:
        """Returns whether the stack has a resource with that type and physical name."""
        return (kind, name) in self.owned


def describe_stacks(clients: Clients, names: Iterable[str]) -> list[StackState]:
    """Returns the state of each stack, with its resources.

    Raises:
        BotoCoreError, ClientError: A request to CloudFormation failed.
    """
    return [_state(clients, name) for name in names]


def judge_stacks(states: Iterable[StackState], region: str) -> Check:
    """Returns one check for all stacks; it has the messages of the worst status."""
    checks = [_judge(state, region) for state in states]
    for status in (Status.ERROR, Status.WARNING):
        bad = [check for check in checks if check.status is status]
        if bad:
            return Check(
                STACKS,
                status,
                " ".join(check.message for check in bad),
                " && ".join(check.fix for check in bad if check.fix) or None,
            )
    return Check(STACKS, Status.OK, " ".join(check.message for check in checks))


def _judge(state: StackState, region: str) -> Check:
    name, status = state.name, state.status
    aws = f"aws cloudformation {{}} --stack-name {name} --region {region}"
    if status is None or status == "REVIEW_IN_PROGRESS":
        return Check(STACKS, Status.OK, f"{name} is new.")
    if status in _COMMANDS:
        return Check(
            STACKS,
            Status.ERROR,
            f"{name} is {status}: no deploy can start from this state.",
            aws.format(_COMMANDS[status]),
        )
    if status in _FAILED_CREATION:
        if state.is_protected:
            message = (
                f"{name} is {status} and has termination protection: the CDK CLI cannot delete and create it again."
            )
            fix = aws.format("update-termination-protection --no-enable-termination-protection")
            return Check(STACKS, Status.ERROR, message, fix)
        message = f"{name} is {status}: the CDK CLI will delete it and create it again."
        return Check(STACKS, Status.WARNING, message, aws.format("delete-stack"))
    if status.endswith("_IN_PROGRESS"):
        message = f"{name} is {status}: the deploy will wait for it."
        return Check(STACKS, Status.WARNING, message, aws.format("describe-stack-events"))
    return Check(STACKS, Status.OK, f"{name} is {status}.")


def _state(clients: Clients, name: str) -> StackState:
    try:
        found = clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        owned = frozenset(
            (each["ResourceType"], each.get("PhysicalResourceId", "").rpartition(":endpoint/")[2])
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        )
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return StackState(name, None)
    return StackState(name, found["StackStatus"], bool(found.get("EnableTerminationProtection")), owned)
