"""What the Describe operations have in common: which targets a request selects, and pages."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import InvalidNextTokenException, ValidationException
from async_endpoint.autoscaling.targets import DIMENSION, NAMESPACE, TargetKey

PAGE_SIZE = 50
POLICIES_PAGE_SIZE = 10
_TOKEN = re.compile(r"[0-9]{1,9}")


def is_selected(key: TargetKey, request: Mapping[str, Any]) -> bool:
    """Returns whether a target is among those that a Describe request selects.

    Raises:
        ValidationException: ScalableDimension comes without a resource.
    """
    if request["ServiceNamespace"] != NAMESPACE:
        return False
    wanted = [*request.get("ResourceIds", ()), *([request["ResourceId"]] if "ResourceId" in request else [])]
    dimension = request.get("ScalableDimension")
    if dimension is not None and not wanted:
        raise ValidationException("A resource ID must be specified along with a scalable dimension")
    return (not wanted or key.resource_id in wanted) and dimension in {None, DIMENSION}


def paginate(
    name: str, items: Sequence[dict[str, object]], request: Mapping[str, Any], most: int = PAGE_SIZE
) -> dict[str, object]:
    """Returns one page of a Describe operation's response: the items from NextToken on, MaxResults but at most `most`.

    Raises:
        ValidationException: MaxResults is below 1.
        InvalidNextTokenException: NextToken is not one that a response contained.
    """
    resource_limits.check_at_least(1, request, "MaxResults")
    size = min(request.get("MaxResults", most), most)
    token = request.get("NextToken", "0")
    if not _TOKEN.fullmatch(token):
        raise InvalidNextTokenException("The NextToken is not one that an earlier response contained.")
    start = int(token)
    page: dict[str, object] = {name: list(items[start : start + size])}
    return page | ({"NextToken": str(start + size)} if start + size < len(items) else {})
