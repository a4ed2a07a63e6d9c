"""Whether each stack is in a state that a deploy can start from.

States: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html. What the CDK CLI does
with each was read from its release 2.1148.1: it deletes a stack whose creation failed, waits for one that is in
progress, and starts from no other that has failed.
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
    """A stack as it is now; `status` is None for one that is not there."""

    name: str
    status: str | None
    is_protected: bool = False
    owned: frozenset[tuple[str, str]] = frozenset()

    def owns(self, kind: str, name: str) -> bool:
        """Whether it has a resource of that type and physical name."""
        return (kind, name) in self.owned


def look_at(clients: Clients, names: Iterable[str]) -> list[StackState]:
    """Ask CloudFormation for each stack and what it holds.

    Raises:
        BotoCoreError, ClientError: It did not answer.
    """
    return [_state(clients, name) for name in names]


def judge_stacks(states: Iterable[StackState], region: str) -> Check:
    """Decide on all of them together; the worst one speaks."""
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
            STACKS, Status.ERROR, f"{name} is {status}: no deploy can start from there.", aws.format(_COMMANDS[status])
        )
    if status in _FAILED_CREATION:
        if state.is_protected:
            message = f"{name} is {status} and protected from termination: the CDK CLI cannot delete it to start anew."
            fix = aws.format("update-termination-protection --no-enable-termination-protection")
            return Check(STACKS, Status.ERROR, message, fix)
        message = f"{name} is {status}: the CDK CLI will delete it and start anew."
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
