"""What a deploy of an endpoint needs around it: a quiet moment before, and a look at what really serves after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_sagemaker.client import SageMakerClient

_IN_TRANSITION = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_REFUSED = "Cannot update in-progress endpoint"
# SageMaker's sentences about a role that lacks something, or whose policy IAM does not know everywhere yet.
_ROLE_REJECTED = ("The provided role", "Could not access model data")
_POLL_SECONDS = 1.0
_TRIES = 3


class RolloutError(Exception):
    """A deploy after which not the deployed configuration serves; the message says what does, and why."""


@dataclass(frozen=True)
class Deployed:
    """What a stack holds, by its own account: the endpoint's name and its configuration's; None where it has none."""

    endpoint: str | None
    config: str | None


@dataclass(frozen=True)
class Served:
    """What an endpoint serves, by SageMaker's account."""

    status: str
    config: str
    instances: int
    failure: str | None


class Rollout:
    """Deploys the stack of an endpoint and finds out what came of it.

    Args:
        cloudformation: A client of the stack's region.
        sagemaker: One of the same region.
        stack: The stack's name.
        say: Takes one line for a person.
        timeout: Seconds to wait for the endpoint, each time.
    """

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        sagemaker: SageMakerClient,
        stack: str,
        say: Callable[[str], None],
        timeout: float,
    ) -> None:
        self._cloudformation = cloudformation
        self._sagemaker = sagemaker
        self._stack = stack
        self._say = say
        self._timeout = timeout

    def run(self, deploy: Callable[[], int]) -> tuple[str, bool]:
        """Wait for a running update, deploy, compare; answers the endpoint's name and whether there is news to prove.

        A deploy that SageMaker refused because scaling had just taken the endpoint is tried again, twice. News is a
        configuration that did not serve before.

        Args:
            deploy: Deploys and answers the exit status, 0 for success.

        Raises:
            RolloutError: The deploy failed, or the endpoint serves something else than what was deployed.
        """
        before = self.deployed()
        served = self.settled(before.endpoint) if before.endpoint else None
        for attempt in range(1, _TRIES + 1):
            known = self._events()
            status = deploy()
            if status == 0:
                break
            if attempt < _TRIES and before.endpoint and self._new_reason(known, _REFUSED):
                self._say(f"Scaling had just taken {before.endpoint}: waiting for it, then deploying again.")
                self.settled(before.endpoint)
                continue
            raise self._failure(status, before.endpoint, known)
        return self._compare(served)

    def deployed(self) -> Deployed:
        """What the stack holds now; nothing where there is no such stack."""
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
        return Deployed(
            found.get("AWS::SageMaker::Endpoint") or None, found.get("AWS::SageMaker::EndpointConfig") or None
        )

    def settled(self, endpoint: str) -> Served | None:
        """What an endpoint serves once no transition is under way; None where there is no such endpoint.

        Raises:
            RolloutError: It did not settle in time.
        """
        deadline = time.monotonic() + self._timeout
        told = ""
        while True:
            try:
                found: dict[str, Any] = dict(self._sagemaker.describe_endpoint(EndpointName=endpoint))
            except ClientError as error:
                if "Could not find" not in str(error):
                    raise
                return None
            status = found["EndpointStatus"]
            if status not in _IN_TRANSITION:
                variants = found.get("ProductionVariants") or [{}]
                return Served(
                    status,
                    found["EndpointConfigName"],
                    variants[0].get("CurrentInstanceCount", 0),
                    found.get("FailureReason"),
                )
            if status != told:
                self._say(f"{endpoint} is {status}: waiting.")
                told = status
            if time.monotonic() > deadline:
                raise RolloutError(f"{endpoint} was still {status} after {self._timeout:g} s; nothing more was done.")
            time.sleep(_POLL_SECONDS)

    def _compare(self, before: Served | None) -> tuple[str, bool]:
        deployed = self.deployed()
        if deployed.endpoint is None or deployed.config is None:
            raise RolloutError(f"Stack {self._stack} holds no endpoint: name the stack that does with --stack.")
        served = self.settled(deployed.endpoint)
        if served is None:
            raise RolloutError(f"Stack {self._stack} names endpoint {deployed.endpoint}, and SageMaker has none such.")
        if served.status != "InService" or served.config != deployed.config:
            raise RolloutError(
                f"{deployed.endpoint} is {served.status} and serves {served.config}, not {deployed.config}, which was "
                f"deployed: SageMaker went back to the old configuration.{_because(served)}"
            )
        self._say(f"{deployed.endpoint} serves {served.config}, as deployed.")
        return deployed.endpoint, before is None or before.config != served.config or served.instances > 0

    def _failure(self, status: int, endpoint: str | None, known: dict[str, str]) -> RolloutError:
        served = self.settled(endpoint) if endpoint else None
        if served is None:
            # A role is as new as its endpoint here, and IAM is eventually consistent.
            hint = (
                " SageMaker rejected the execution role, whose policy may not be known everywhere yet: deploy again. "
                "If it is rejected once more, the role lacks what CloudFormation's reason names."
                if self._new_reason(known, *_ROLE_REJECTED)
                else ""
            )
            return RolloutError(f"The deploy failed with exit status {status}, and there is no endpoint.{hint}")
        return RolloutError(
            f"The deploy failed with exit status {status} and was rolled back: {endpoint} is {served.status} and "
            f"serves {served.config}, as before.{_because(served)}"
        )

    def _events(self) -> dict[str, str]:
        """The stack's events so far: id → reason."""
        try:
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._stack)
            return {
                event["EventId"]: event.get("ResourceStatusReason", "")
                for page in pages
                for event in page["StackEvents"]
            }
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return {}

    def _new_reason(self, known: dict[str, str], *sentences: str) -> bool:
        """Whether an event since then has one of these sentences in its reason."""
        new = [reason for event, reason in self._events().items() if event not in known]
        return any(sentence in reason for sentence in sentences for reason in new)


def _because(served: Served) -> str:
    return f" Its reason: {served.failure}" if served.failure else ""
