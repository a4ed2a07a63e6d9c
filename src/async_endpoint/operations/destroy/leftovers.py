"""What outlives the stacks that were deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.destroy.inventory import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from async_endpoint.operations.destroy.clients import Aws
    from async_endpoint.operations.destroy.inventory import StackHoldings


def surviving_log_groups(aws: Aws, stacks: Iterable[StackHoldings]) -> list[str]:
    """The log groups of the stacks' functions and endpoints that are there although the stacks are gone.

    Lambda and SageMaker make such a group at the first line they log, also after a stack has deleted its own.
    """
    names: dict[str, None] = {}
    for stack in stacks:
        names |= dict.fromkeys(f"/aws/lambda/{function}" for function in stack.going(FUNCTION))
        names |= dict.fromkeys(f"/aws/sagemaker/Endpoints/{endpoint}" for endpoint in stack.endpoints)
    return [name for name in names if _exists(aws, name)]


def _exists(aws: Aws, name: str) -> bool:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    return any(group.get("logGroupName") == name for page in pages for group in page["logGroups"])
