"""The stacks of a stage: their state, outputs and resources."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from async_endpoint.operations.diagnose.facts import Resource, StageNames

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.reads.clients import Clients

_BEGAN = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
_KINDS = ("foundation", "endpoint", "workflow")


class NoStage(Exception):
    """None of the stage's stacks exists; the message is a sentence."""


def stack_names(stack: str) -> tuple[str, ...]:
    """Returns the names of a stage's stacks from that of any of them; a stack with another name is alone."""
    prefix, _, kind = stack.rpartition("-")
    return tuple(f"{prefix}-{each}" for each in _KINDS) if prefix and kind in _KINDS else (stack,)


def read_stacks(clients: Clients, names: tuple[str, ...], label: str) -> tuple[StageNames, datetime]:
    """Returns what the stacks have deployed, and AWS's time.

    A missing stack is left out: a stage without a workflow has two, and a destroyed endpoint leaves the others.

    Raises:
        NoStage: None of the stacks exists.
        BotoCoreError: AWS could not be reached.
        ClientError: AWS did not allow it.
    """
    with ThreadPoolExecutor(len(names)) as pool:
        found = [each for each in pool.map(lambda name: _read(clients, name), names) if each]
    region = clients["cloudformation"].meta.region_name
    if not found:
        raise NoStage(f"There is no stack {' or '.join(names)} in {region}: deploy the stage, or name another region.")
    workflow = next((name for name, *_ in found if name.endswith("-workflow")), None)
    if workflow and label.startswith("--stack"):  # the commands on jobs need this one
        label = f"--stack {workflow}"
    outputs = {key: value for _, _, outputs, _, _ in found for key, value in outputs.items()}
    return (
        StageNames(
            label=label,
            region=region,
            statuses={name: status for name, status, *_ in found},
            outputs=outputs,
            resources=tuple(resource for _, _, _, resources, _ in found for resource in resources),
        ),
        max(at for *_, at in found),
    )


def _read(clients: Clients, name: str) -> tuple[str, str, dict[str, str], list[Resource], datetime] | None:
    cloudformation = clients["cloudformation"]
    try:
        response = cloudformation.describe_stacks(StackName=name)
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    stack = response["Stacks"][0]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = [
        Resource(each["ResourceType"], each["LogicalResourceId"], each["PhysicalResourceId"])
        for page in pages
        for each in page["StackResourceSummaries"]
        if each.get("PhysicalResourceId") and each["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return name, stack["StackStatus"], outputs, resources, response_time(response)


def response_time(response: dict[str, Any]) -> datetime:
    """Returns when AWS answered: its own clock, whatever this machine's says."""
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


def read_stack_reasons(clients: Clients, names: StageNames) -> dict[str, str]:
    """Returns why each stack failed or was rolled back: the first failure of its last operation."""
    reasons: dict[str, str] = {}
    for name, status in names.statuses.items():
        if "ROLLBACK" not in status and not status.endswith("_FAILED"):
            continue
        events = clients["cloudformation"].describe_stack_events(StackName=name)["StackEvents"]
        for event in events:  # newest first
            own = event.get("PhysicalResourceId") == event.get("StackId")
            if own and event.get("ResourceStatus") in _BEGAN:
                break
            reason = event.get("ResourceStatusReason", "")
            if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in reason:
                reasons[name] = f"{event['LogicalResourceId']}: {reason}"
    return reasons
