"""Delete one stack and wait until it is gone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.destroy.clients import TeardownError
from async_endpoint.operations.destroy.buckets import empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef
    from mypy_boto3_sagemaker.client import SageMakerClient

    from async_endpoint.operations.destroy.clients import Aws
    from async_endpoint.operations.destroy.inventory import StackHoldings

_DONE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})
_TOLD_EVERY = 30.0  # seconds, while nothing changes
# SageMaker's own words for an endpoint that it is working on; DeleteEndpoint is for those that it is not.
_CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


@dataclass(frozen=True)
class Deadline:
    """How long to wait altogether, and how long between two looks; seconds.

    Attributes:
        clock: A clock that only goes forward.
        sleep: Waits that many seconds.
    """

    seconds: float
    interval: float = 3.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_began", self.clock())

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._began

    def pause(self) -> bool:
        """Wait until the next look; False once there is no time left for one."""
        remaining = self.seconds - self.elapsed
        if remaining <= 0:
            return False
        self.sleep(min(self.interval, remaining))
        return True


def delete_stack(
    aws: Aws, stack: StackHoldings, deadline: Deadline, say: Callable[[str], None], *, attempt: str
) -> None:
    """Wait for the stack's endpoint, empty its buckets, delete it and wait for that.

    Args:
        aws: Where.
        stack: As `survey` found it.
        deadline: How long to wait altogether.
        say: Takes each line about the progress.
        attempt: A text that no earlier attempt had, up to 128 letters, digits and hyphens: it tells this attempt's
            events from those of an earlier one.

    Raises:
        TeardownError: The time is over, or AWS refused to delete something; the message says what.
    """
    for endpoint in stack.endpoints:
        wait_for_endpoint(aws.sagemaker, endpoint, deadline, say)
    for bucket in stack.buckets:
        empty(aws.s3, bucket, say)
    aws.cloudformation.delete_stack(StackName=stack.stack_id, ClientRequestToken=attempt)
    _await_end(aws, stack, deadline, say, attempt)


def _await_end(aws: Aws, stack: StackHoldings, deadline: Deadline, say: Callable[[str], None], attempt: str) -> None:
    began = told_at = deadline.elapsed
    told = -1
    while True:
        events = _events(aws, stack.stack_id, attempt)
        ended = next((event["ResourceStatus"] for event in events if _of_stack(event)), "")
        if ended == "DELETE_COMPLETE":
            say(f"{stack.name}: deleted after {deadline.elapsed - began:.0f} s")
            return
        if ended == "DELETE_FAILED":
            raise TeardownError(
                f"Stack {stack.name} could not be deleted ({_reasons(events)}): remove the cause, then destroy again."
            )
        gone = len({event["LogicalResourceId"] for event in events if event["ResourceStatus"] in _DONE})
        if gone != told or deadline.elapsed - told_at >= _TOLD_EVERY:
            told, told_at = gone, deadline.elapsed
            say(f"{stack.name}: {gone} of {len(stack.resources)} resources gone, {deadline.elapsed - began:.0f} s")
        if not deadline.pause():
            raise TeardownError(
                f"Stack {stack.name} was not gone after {deadline.seconds:.0f} s: CloudFormation goes on with it; "
                "destroy again when it has ended, or give more time by --timeout."
            )


def wait_for_endpoint(sagemaker: SageMakerClient, name: str, deadline: Deadline, say: Callable[[str], None]) -> None:
    """Wait until SageMaker is not in the middle of changing an endpoint, as scaling does too.

    Raises:
        TeardownError: The time is over.
    """
    told = ""
    while (status := _endpoint_status(sagemaker, name)) in _CHANGING:
        if status != told:
            told = status
            say(f"endpoint {name} is {status}: waiting until that has ended")
        if not deadline.pause():
            raise TeardownError(
                f"Endpoint {name} was still {status} after {deadline.seconds:.0f} s, and its stack was not deleted: "
                "destroy again when it is InService or Failed, or give more time by --timeout."
            )


def _endpoint_status(sagemaker: SageMakerClient, name: str) -> str:
    try:
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
    except ClientError as error:
        if "Could not find" in error.response["Error"].get("Message", ""):
            return "Deleted"
        raise


def _events(aws: Aws, stack_id: str, token: str) -> list[StackEventTypeDef]:
    """The events of the deletion with this token, newest first."""
    events: list[StackEventTypeDef] = []
    for page in aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event.get("ClientRequestToken") != token:
                return events
            events.append(event)
    return events


def _reasons(events: list[StackEventTypeDef]) -> str:
    """What CloudFormation says of the resources that it could not delete."""
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"] == "DELETE_FAILED" and not _of_stack(event)
    )


def _of_stack(event: StackEventTypeDef) -> bool:
    """Whether the event is of the stack as a whole."""
    return event.get("PhysicalResourceId") == event["StackId"]
