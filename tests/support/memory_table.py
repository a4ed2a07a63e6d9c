"""A table in memory that implements as much of DynamoDB's expressions as job records need."""

import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError


class MemoryTable:
    """GetItem and UpdateItem of boto3's Table resource; rejects unknown expressions.

    Attributes:
        items: The items by `job_id`.
        before_update: Called one by one just before an update, like a concurrent writer.
        updates: The number of updates.
        reads: The number of reads.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.before_update: list[Callable[[], None]] = []
        self.updates = 0
        self.reads = 0
        self._lock = threading.Lock()

    def get_item(self, **request: Any) -> dict[str, Any]:
        assert request["ConsistentRead"]
        self.reads += 1
        item = self.items.get(request["Key"]["job_id"])
        return {"Item": dict(item)} if item else {}

    def update_item(self, **request: Any) -> None:
        if self.before_update:
            self.before_update.pop(0)()
        key, update, condition = request["Key"], request["UpdateExpression"], request.get("ConditionExpression")
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        used = re.findall(r"[#:]\w+", f"{update} {condition or ''}")
        assert set(used) == {*names, *values}, "DynamoDB rejects unused names and values"
        with self._lock:
            item = self.items.get(key["job_id"], {})
            if condition and not _holds(condition, item, names, values):
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}}, "UpdateItem")
            self.items[key["job_id"]] = {**_updated(update, item, names, values), **key}
            self.updates += 1


def _holds(condition: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    return all(_holds_one(part, item, names, values) for part in condition.split(" AND "))


def _holds_one(condition: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    if exists := re.fullmatch(r"attribute_(not_)?exists\((#\w+)\)", condition):
        return (names[exists[2]] in item) == (exists[1] is None)
    compared = re.fullmatch(r"(#\w+) (=|<=) (:\w+)", condition)
    assert compared, f"unknown condition {condition}"
    name, value = names[compared[1]], values[compared[3]]
    return name in item and bool(item[name] == value if compared[2] == "=" else item[name] <= value)


def _updated(
    expression: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any]:
    parts = re.fullmatch(r"SET (?P<set>.+?)(?: REMOVE (?P<remove>.+?))?(?: ADD (?P<add>#\w+ :\w+))?", expression)
    assert parts, f"unknown update {expression}"
    updated = dict(item)
    for assignment in parts["set"].split(", "):
        name, value = assignment.split(" = ")
        new = values[value]
        updated[names[name]] = Decimal(new) if isinstance(new, int) and not isinstance(new, bool) else new
    for name in (parts["remove"] or "").split(", "):
        if name:
            updated.pop(names[name], None)
    if parts["add"]:
        name, value = parts["add"].split()
        updated[names[name]] = item.get(names[name], 0) + values[value]
    return updated
