"""A change set of CloudFormation: planned, shown, then executed or discarded."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from async_endpoint.operations.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_cloudformation.client import CloudFormationClient

    from async_endpoint.operations.deploy.deployed_stack import DeployedStack

_POLL_SECONDS = 1.0
_PLANNED = "CREATE_COMPLETE"
_PLANNING = frozenset({"CREATE_PENDING", "CREATE_IN_PROGRESS"})
# CloudFormation's two sentences for a template that is deployed already.
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class ChangeSetError(Exception):
    """A change set that CloudFormation does not plan or execute; the message has its reason."""


@dataclass(frozen=True)
class Change:
    """A planned change of one resource.

    Attributes:
        action: Add, Modify or Remove.
        logical_id: The resource.
        resource_type: Its type.
        replacement: True, False or Conditional; empty where nothing can be replaced.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str

    def __str__(self) -> str:
        """Returns the change as a line."""
        replaced = {"True": ", replaced", "Conditional": ", perhaps replaced"}.get(self.replacement, "")
        return f"{self.action} {self.resource_type} {self.logical_id}{replaced}"


class ChangeSet:
    """A planned change set. It is gone once it is executed or discarded.

    Attributes:
        changes: What it would change; empty if the template is deployed already.
    """

    def __init__(
        self, cloudformation: CloudFormationClient, stack: str, name: str | None, changes: tuple[Change, ...]
    ) -> None:
        self._cloudformation = cloudformation
        self._stack = stack
        self._name = name
        self.changes = changes

    @classmethod
    def plan(
        cls, cloudformation: CloudFormationClient, deployed: DeployedStack, *, template_url: str, timeout: float
    ) -> Self:
        """Has CloudFormation compare a stack with a template.

        Tags, service role and notification topics of the stack stay as they are. Parameters get the template's
        defaults, as the CDK CLI leaves them.

        Raises:
            ChangeSetError: It cannot be planned.
        """
        name, stack = f"async-endpoint-rollback-{uuid.uuid4().hex}", deployed.name
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            Tags=deployed.tags,
            NotificationARNs=deployed.notification_arns,
        )
        deadline = Deadline(timeout, interval=_POLL_SECONDS)
        while (found := cloudformation.describe_change_set(StackName=stack, ChangeSetName=name))["Status"] in _PLANNING:
            if not deadline.pause():
                raise ChangeSetError(f"CloudFormation has not planned the change of {stack} within {timeout:g} s.")
        planned = cls(cloudformation, stack, name, tuple(_changes(cloudformation, stack, name)))
        if found["Status"] != _PLANNED:
            planned.discard()
            reason = found.get("StatusReason", "")
            if not any(sentence in reason for sentence in _NO_CHANGES):
                raise ChangeSetError(f"CloudFormation cannot change {stack}: {reason}")
            return cls(cloudformation, stack, None, ())
        return planned

    def discard(self) -> None:
        """Deletes the change set; the stack stays as it is."""
        if self._name:
            self._cloudformation.delete_change_set(StackName=self._stack, ChangeSetName=self._name)
            self._name = None

    def execute(self, say: Callable[[str], None], timeout: float) -> bool:
        """Executes it and reports each step; returns whether the stack has the new template.

        Raises:
            ChangeSetError: CloudFormation takes longer; it continues by itself.
        """
        cloudformation, stack = self._cloudformation, self._stack
        if not self._name:
            return True
        known = {event_id for event_id, _ in _events(cloudformation, stack)}
        token = uuid.uuid4().hex
        cloudformation.execute_change_set(StackName=stack, ChangeSetName=self._name, ClientRequestToken=token)
        self._name = None
        deadline = Deadline(timeout, interval=_POLL_SECONDS)
        while True:
            status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            for event_id, line in _events(cloudformation, stack):
                if event_id not in known:
                    known.add(event_id)
                    say(line)
            if not status.endswith("_IN_PROGRESS"):
                return status == "UPDATE_COMPLETE"
            if not deadline.pause():
                raise ChangeSetError(f"{stack} was still {status} after {timeout:g} s; CloudFormation continues.")


def _changes(cloudformation: CloudFormationClient, stack: str, name: str) -> Iterator[Change]:
    pages = cloudformation.get_paginator("describe_change_set").paginate(StackName=stack, ChangeSetName=name)
    for page in pages:
        for each in page.get("Changes", []):
            found = each.get("ResourceChange", {})
            yield Change(
                found.get("Action", ""),
                found.get("LogicalResourceId", ""),
                found.get("ResourceType", ""),
                found.get("Replacement", ""),
            )


def _events(cloudformation: CloudFormationClient, stack: str) -> list[tuple[str, str]]:
    """Returns the stack's events, the oldest first: id and line."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"]]
    return [
        (
            event["EventId"],
            f"  {event.get('ResourceStatus', '')} {event.get('ResourceType', '')} {event.get('LogicalResourceId', '')}"
            + (f": {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""),
        )
        for event in reversed(events)
    ]
