"""A deployed stage whose parts are broken by plain calls of boto3, for the tests of `async-endpoint why`."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import boto3

PREFIX = "async-endpoint-dev"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def client(service: str) -> Any:
    """A client of boto3, untyped: these calls are about their effect."""
    return cast("Any", boto3.client)(service)


def jobs_table(name: str) -> Any:
    """The jobs table, as untyped as the clients."""
    return cast("Any", boto3.resource)("dynamodb").Table(name)


@dataclass(frozen=True)
class Deployed:
    """What the stacks have deployed."""

    outputs: dict[str, str]
    resources: dict[str, str]  # physical ids by logical ids

    @classmethod
    def read(cls, prefix: str = PREFIX) -> "Deployed":
        outputs: dict[str, str] = {}
        resources: dict[str, str] = {}
        cloudformation = client("cloudformation")
        for kind in ("foundation", "endpoint", "workflow"):
            stack = cloudformation.describe_stacks(StackName=f"{prefix}-{kind}")["Stacks"][0]
            outputs |= {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
            listed = cloudformation.list_stack_resources(StackName=f"{prefix}-{kind}")["StackResourceSummaries"]
            resources |= {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}
        return cls(outputs, resources)

    @property
    def endpoint(self) -> str:
        return self.outputs["EndpointName"]

    @property
    def target(self) -> dict[str, str]:
        resource = f"endpoint/{self.endpoint}/variant/AllTraffic"
        return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": _DIMENSION}

    def named(self, start: str) -> str:
        """The physical id of the one resource whose logical id begins like this, before the CDK's hash."""
        (found,) = {physical for logical, physical in self.resources.items() if logical[:-8] == start}
        return found


Fault = Callable[[Deployed], AbstractContextManager[None]]


def settle(deployed: Deployed, seconds: float = 60) -> None:
    """Waits until the endpoint is in service."""
    deadline = time.monotonic() + seconds
    while client("sagemaker").describe_endpoint(EndpointName=deployed.endpoint)["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline, "the endpoint did not settle"
        time.sleep(0.2)
