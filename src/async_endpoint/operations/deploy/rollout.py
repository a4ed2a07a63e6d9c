"""A rollout: a deploy command, run between two scaling actions, and the check that its configuration serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.endpoint_status import (
    CHANGING,
    DELETING,
    IN_SERVICE,
    EndpointBusy,
    describe,
    wait_until_settled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef
    from mypy_boto3_sagemaker.client import SageMakerClient

    from async_endpoint.operations.endpoint_status import EndpointState

_UPDATE_REJECTED = "Cannot update in-progress endpoint"
# SageMaker's sentences about a role that lacks something, or whose policy IAM has not propagated yet.
_ROLE_REJECTED = ("The provided role", "Could not access model data")
_TRANSITIONS = CHANGING | {DELETING}
_ATTEMPTS = 3


class RolloutError(Exception):
    """A deploy after which the deployed configuration does not serve; the message says what serves, and why."""


@dataclass(frozen=True)
class StackEndpoint:
    """The endpoint of a stack, as CloudFormation lists it: names, None for what the stack does not have."""

    endpoint: str | None
    config: str | None


@dataclass(frozen=True)
class RolloutResult:
    """A deployed configuration that serves.

    Attributes:
        endpoint: The endpoint's name.
        is_unchanged_and_asleep: Whether the configuration served before and the endpoint runs no instance: a request
            would only wake it.
    """

    endpoint: str
    is_unchanged_and_asleep: bool


class Rollout:
    """Deploys the stack of an endpoint and checks the outcome.

    Args:
        cloudformation: A client in the stack's region.
        sagemaker: A client in the same region.
        stack: The stack's name.
        say: Takes each line about the progress.
        timeout: Seconds to wait for the endpoint, each time.
        poll_seconds: Seconds between two looks at the endpoint.
    """

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        sagemaker: SageMakerClient,
        *,
        stack: str,
        say: Callable[[str], None],
        timeout: float,
        poll_seconds: float = 1.0,
    ) -> None:
        self._cloudformation = cloudformation
        self._sagemaker = sagemaker
        self._stack = stack
        self._say = say
        self._timeout = timeout
        self._poll_seconds = poll_seconds

    def run(self, deploy: Callable[[], int]) -> RolloutResult:
        """Waits for an update that is under way, deploys, and compares what serves with what was deployed.

        A deploy that SageMaker rejected because a scaling action had just started is repeated, twice at most.

        Args:
            deploy: Deploys and returns the exit status, 0 for success.

        Raises:
            RolloutError: The deploy failed, or another configuration serves than the deployed one.
        """
        before = self.stack_endpoint()
        served = self._settled(before.endpoint) if before.endpoint else None
        for attempt in range(1, _ATTEMPTS + 1):
            known = self._known_events()
            status = deploy()
            if status == 0:
                break
            if attempt < _ATTEMPTS and before.endpoint and self._has_new_reason(known, _UPDATE_REJECTED):
                self._say(f"A scaling action on {before.endpoint} had just started: waiting, then deploying again.")
                self._settled(before.endpoint)
                continue
            raise self._failure(status, before.endpoint, served, known)
        return self._check(served)

    def serves_as_deployed(self) -> bool:
        """Returns whether the stack's endpoint is in service with the stack's configuration, without waiting."""
        deployed = self.stack_endpoint()
        state = describe(self._sagemaker, deployed.endpoint) if deployed.endpoint else None
        return state is not None and state.status == IN_SERVICE and state.config == deployed.config

    def stack_endpoint(self) -> StackEndpoint:
        """Returns the endpoint that the stack has now; without names if there is no such stack."""
        found: dict[str, str] = {}
        try:
            pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
            for page in pages:
                for resource in page["StackResourceSummaries"]:
                    if resource["ResourceStatus"] != "DELETE_COMPLETE":
                        found[resource["ResourceType"]] = resource.get("PhysicalResourceId", "").rpartition("/")[2]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
        return StackEndpoint(
            found.get("AWS::SageMaker::Endpoint") or None, found.get("AWS::SageMaker::EndpointConfig") or None
        )

    def _settled(self, endpoint: str) -> EndpointState | None:
        deadline = Deadline(self._timeout, interval=self._poll_seconds)
        try:
            return wait_until_settled(self._sagemaker, endpoint, deadline, self._say, statuses=_TRANSITIONS)
        except EndpointBusy as busy:
            raise RolloutError(f"{busy}; nothing more was done.") from busy

    def _check(self, before: EndpointState | None) -> RolloutResult:
        deployed = self.stack_endpoint()
        if deployed.endpoint is None or deployed.config is None:
            raise RolloutError(f"Stack {self._stack} has no endpoint: name the stack that has it with --stack.")
        served = self._settled(deployed.endpoint)
        if served is None:
            raise RolloutError(
                f"Stack {self._stack} lists endpoint {deployed.endpoint}, which SageMaker does not have."
            )
        if served.status != IN_SERVICE or served.config != deployed.config:
            raise RolloutError(
                f"{deployed.endpoint} is {served.status} and serves {served.config}, not the deployed "
                f"{deployed.config}: SageMaker rolled back to the old configuration.{_new_reason_of(served, before)}"
            )
        self._say(f"{deployed.endpoint} serves {served.config}, as deployed.")
        is_unchanged = before is not None and before.config == served.config
        return RolloutResult(deployed.endpoint, is_unchanged and not served.instances)

    def _failure(
        self, status: int, endpoint: str | None, before: EndpointState | None, known: frozenset[str]
    ) -> RolloutError:
        served = self._settled(endpoint) if endpoint else None
        if served is None:
            # A role is as new as its endpoint here, and IAM is eventually consistent.
            hint = (
                " SageMaker rejected the execution role, whose policy IAM may not have propagated yet: deploy again. "
                "If it is rejected again, the role lacks the permission in CloudFormation's reason."
                if self._has_new_reason(known, *_ROLE_REJECTED)
                else ""
            )
            return RolloutError(f"The deploy failed with exit status {status}, and there is no endpoint.{hint}")
        # A scaling action changes the endpoint's time, but not the reason that DescribeEndpoint keeps.
        is_old = before is not None and before.failure_reason == served.failure_reason
        reason = "" if is_old else _new_reason_of(served, before)
        return RolloutError(
            f"The deploy failed with exit status {status} and was rolled back: {endpoint} is {served.status} and "
            f"serves {served.config}, as before.{self._refusal(known)}{reason}"
        )

    def _refusal(self, known: frozenset[str]) -> str:
        """Returns CloudFormation's reason for the first resource that failed in this deploy; empty without one."""
        failed = [
            f" CloudFormation's reason: {event.get('LogicalResourceId', '')}: {event['ResourceStatusReason']}"
            for event in self._new_events(known)
            if event.get("ResourceStatus", "").endswith("_FAILED") and event.get("ResourceStatusReason")
        ]
        return failed[-1] if failed else ""

    def _events(self) -> list[StackEventTypeDef]:
        """Returns the stack's events so far, the newest first."""
        try:
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._stack)
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return []

    def _known_events(self) -> frozenset[str]:
        return frozenset(event["EventId"] for event in self._events())

    def _new_events(self, known: frozenset[str]) -> list[StackEventTypeDef]:
        return [event for event in self._events() if event["EventId"] not in known]

    def _has_new_reason(self, known: frozenset[str], *sentences: str) -> bool:
        """Returns whether the reason of an event that is not known yet contains one of the sentences."""
        new = [event.get("ResourceStatusReason", "") for event in self._new_events(known)]
        return any(sentence in reason for sentence in sentences for reason in new)


def _new_reason_of(state: EndpointState, before: EndpointState | None) -> str:
    """Returns SageMaker's reason, unless it explains an earlier update: DescribeEndpoint keeps the last one."""
    if not state.failure_reason:
        return ""
    if before and (before.failure_reason, before.changed_at) == (state.failure_reason, state.changed_at):
        return ""
    return f" Its reason: {state.failure_reason}"
