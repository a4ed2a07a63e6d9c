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
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.before_update: list[Callable[[], None]] = []
        self.updates = 0
        self._lock = threading.Lock()

    def get_item(self, **request: Any) -> dict[str, Any]:
        assert request["ConsistentRead"]
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
    if absent := re.fullmatch(r"attribute_not_exists\((#\w+)\)", condition):
        return names[absent[1]] not in item
    equal = re.fullmatch(r"(#\w+) = (:\w+)", condition)
    assert equal, f"unknown condition {condition}"
    return names[equal[1]] in item and bool(item[names[equal[1]]] == values[equal[2]])


def _updated(
    expression: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any]:
    parts = re.fullmatch(r"SET (?P<set>.+?)(?: REMOVE (?P<remove>.+))?", expression)
    assert parts, f"unknown update {expression}"
    updated = dict(item)
    for assignment in parts["set"].split(", "):
        name, value = assignment.split(" = ")
        new = values[value]
        updated[names[name]] = Decimal(new) if isinstance(new, int) and not isinstance(new, bool) else new
    for name in (parts["remove"] or "").split(", "):
        if name:
            updated.pop(names[name], None)
    return updated
