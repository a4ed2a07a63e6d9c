"""What the List operations have in common: filters, order and pages."""

from collections.abc import Mapping
from typing import Any

from async_endpoint.emulator.errors import ValidationException

Json = dict[str, Any]

_PAGE_SIZE = 100
_MILLISECONDS = 1000


def list_resources(member: str, name_key: str, summaries: list[Json], request: Mapping[str, Any]) -> Json:
    """Returns one page of the resources that a List operation selects, newest first unless asked otherwise.

    Raises:
        ValidationException: NextToken is not one that a response contained.
    """
    wanted = request.get("NameContains", "").lower()
    sort_key = {"Name": name_key, "Status": "EndpointStatus"}.get(request.get("SortBy", ""), "CreationTime")
    items = sorted(
        (item for item in summaries if wanted in item[name_key].lower() and _in_time(item, request)),
        key=lambda item: item[sort_key],
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    return paginate(member, items, request)


def paginate(member: str, items: list[Json], request: Mapping[str, Any]) -> Json:
    """Returns the page of a list that a request asks for; the token is the index of the next item.

    Raises:
        ValidationException: NextToken is not one that a response contained.
    """
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ValidationException("Invalid NextToken.")
    begin = int(token)
    end = begin + min(request.get("MaxResults", _PAGE_SIZE), _PAGE_SIZE)
    page: Json = {member: items[begin:end]}
    if end < len(items):
        page["NextToken"] = str(end)
    return page


def _in_time(item: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Returns whether an item is of the time that a request selects: `…TimeAfter` is inclusive, `…TimeBefore` not.

    Times are compared by the millisecond, so that a time from a response finds its item again.
    """
    for member in ("CreationTime", "LastModifiedTime"):
        after, before = (request.get(f"{member}{side}") for side in ("After", "Before"))
        if after is not None and _milliseconds(item[member]) < _milliseconds(after):
            return False
        if before is not None and _milliseconds(item[member]) >= _milliseconds(before):
            return False
    return True


def _milliseconds(seconds: float) -> int:
    return round(seconds * _MILLISECONDS)
