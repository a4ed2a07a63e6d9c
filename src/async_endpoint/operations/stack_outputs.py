"""Read what a deployed stack says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_cloudformation.client import CloudFormationClient


class StackError(ValueError):
    """A stack that cannot be read; its message is one sentence."""


def read_outputs(cloudformation: CloudFormationClient, stacks: Iterable[str]) -> dict[str, str]:
    """The outputs of the named stacks, by their keys; of equal keys the later stack's counts.

    Raises:
        StackError: A stack is not there or may not be read.
    """
    outputs: dict[str, str] = {}
    for name in stacks:
        try:
            found = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"The outputs of stack {name} cannot be read: {error}") from error
        for stack in found:
            outputs |= {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return outputs
