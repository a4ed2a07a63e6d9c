"""The state of an endpoint, and the wait until SageMaker has finished changing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sagemaker.client import SageMakerClient

    from async_endpoint.operations.deadline import Deadline

DELETING = "Deleting"
IN_SERVICE = "InService"
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


@dataclass(frozen=True)
class EndpointState:
    """An endpoint as DescribeEndpoint reports it.

    Attributes:
        config: The name of the endpoint configuration that serves.
        instances: The current instance count of the first variant.
        failure_reason: SageMaker's reason, if it gives one; it may be that of an earlier update.
        changed_at: When SageMaker changed the endpoint last.
    """

    status: str
    config: str
    instances: int
    failure_reason: str | None
    changed_at: str = ""


class EndpointBusy(Exception):
    """SageMaker was still changing an endpoint when the time was up."""

    def __init__(self, endpoint: str, status: str, seconds: float) -> None:
        super().__init__(f"Endpoint {endpoint} was still {status} after {seconds:g} s")
        self.status = status


def describe(sagemaker: SageMakerClient, endpoint: str) -> EndpointState | None:
    """Returns the state of an endpoint; None if there is no such endpoint."""
    try:
        found: dict[str, Any] = dict(sagemaker.describe_endpoint(EndpointName=endpoint))
    except ClientError as error:
        if "Could not find" not in error.response["Error"].get("Message", ""):
            raise
        return None
    variants = found.get("ProductionVariants") or [{}]
    return EndpointState(
        status=found["EndpointStatus"],
        config=found.get("EndpointConfigName", ""),
        instances=variants[0].get("CurrentInstanceCount", 0),
        failure_reason=found.get("FailureReason"),
        changed_at=str(found.get("LastModifiedTime", "")),
    )


def wait_until_settled(
    sagemaker: SageMakerClient,
    endpoint: str,
    deadline: Deadline,
    say: Callable[[str], None],
    *,
    statuses: frozenset[str] = CHANGING,
) -> EndpointState | None:
    """Waits while an endpoint has one of the statuses; a scaling action sets them too.

    Returns:
        The state afterwards; None if there is no such endpoint.

    Raises:
        EndpointBusy: The time is up.
    """
    reported = ""
    while (state := describe(sagemaker, endpoint)) is not None and state.status in statuses:
        if state.status != reported:
            reported = state.status
            say(f"Endpoint {endpoint} is {state.status}: waiting.")
        if not deadline.pause():
            raise EndpointBusy(endpoint, state.status, deadline.seconds)
    return state
