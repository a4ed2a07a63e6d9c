"""Deployments of a stage's stacks by CloudFormation's own API, those that fail included."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.why_stage import PREFIX, Deployed, client

ENDPOINT, FOUNDATION = f"{PREFIX}-endpoint", f"{PREFIX}-foundation"
_KEY = "Key"
_SECONDS = 90.0


def deploy_concurrency(requests: int, *, disable_rollback: bool = False) -> str:
    """Deploys the endpoint stack with another number of requests at a time; returns the stack's status at the end."""

    def change(resources: dict[str, Any]) -> None:
        (config,) = (each for each in resources.values() if each["Type"] == "AWS::SageMaker::EndpointConfig")
        config["Properties"]["AsyncInferenceConfig"]["ClientConfig"]["MaxConcurrentInvocationsPerInstance"] = requests

    return _update(ENDPOINT, change, DisableRollback=disable_rollback)


def roll_back() -> str:
    """Rolls a failed deployment of the endpoint stack back; returns the stack's status at the end."""
    client("cloudformation").rollback_stack(StackName=ENDPOINT)
    return _end_of_operation(ENDPOINT)


@contextmanager
def disabled_key(deployed: Deployed) -> Iterator[None]:
    """The stage's key, which the dev stage gets for this fault, disabled."""
    del deployed
    cloudformation, kms = client("cloudformation"), client("kms")
    assert _update(FOUNDATION, lambda resources: resources.update({_KEY: _key()})) == "UPDATE_COMPLETE"
    described = cloudformation.describe_stack_resource(StackName=FOUNDATION, LogicalResourceId=_KEY)
    key = described["StackResourceDetail"]["PhysicalResourceId"]
    kms.disable_key(KeyId=key)
    try:
        yield
    finally:
        kms.enable_key(KeyId=key)


def _key() -> dict[str, Any]:
    account = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    allowed = {"Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"}
    return {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [allowed]}},
    }


def _update(stack: str, change: Callable[[dict[str, Any]], None], **options: Any) -> str:
    """Deploys a stack with other resources; returns its status at the end."""
    cloudformation = client("cloudformation")
    template: Any = cloudformation.get_template(StackName=stack)["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    change(template["Resources"])
    cloudformation.update_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "UsePreviousValue": True} for name in template.get("Parameters", ())],
        **options,
    )
    return _end_of_operation(stack)


def _end_of_operation(stack: str) -> str:
    deadline = time.monotonic() + _SECONDS
    while (status := _status(stack)).endswith("_IN_PROGRESS"):
        assert time.monotonic() < deadline, f"the stack {stack} stayed {status}"
        time.sleep(0.2)
    return status


def _status(stack: str) -> str:
    return str(client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
