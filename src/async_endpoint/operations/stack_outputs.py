"""The outputs of deployed stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_cloudformation.client import CloudFormationClient


class StackError(ValueError):
    """A stack that cannot be read, or that lacks an output."""


def read_outputs(cloudformation: CloudFormationClient, stacks: Iterable[str]) -> dict[str, str]:
    """Returns the outputs of the named stacks, by their keys; for equal keys, those of the later stack.

    Raises:
        StackError: A stack does not exist, or the caller may not read it.
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
