"""What SageMaker keeps by name and never changes, models and endpoint configs; tags; and pages of lists."""

from collections.abc import Mapping
from typing import Any

from botocore.utils import parse_to_aware_datetime

from async_endpoint.clock import Clock
from async_endpoint.emulator.errors import ValidationException

Json = dict[str, Any]

_PAGE_SIZE = 100


class Tags:
    """Tags by the ARN of what has them."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def add(self, arn: str, request: Mapping[str, Any]) -> None:
        """Add a request's `Tags`, overwriting those of the same key."""
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in request.get("Tags", ())})

    def remove(self, arn: str, keys: list[str]) -> None:
        """Remove tags; keys that are not there are passed over."""
        for key in keys:
            self._tags.get(arn, {}).pop(key, None)

    def forget(self, arn: str) -> None:
        """Drop every tag of what has been deleted."""
        self._tags.pop(arn, None)

    def state(self) -> Json:
        """Every tag by ARN and key, as plain JSON for `restore`."""
        return self._tags

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what `state` gave."""
        self._tags.update(state)

    def listed(self, arn: str) -> list[Json]:
        """The tags, as ListTags shows them."""
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]


class NamedResources:
    """Resources of one kind; the caller locks.

    Args:
        kind: As in the members' names: `Model` for ModelName and ModelArn.
        noun: As in the error messages; with a hyphen for each space also as in the ARN, unless `arn_kind` says else.
        arn_kind: The resource's type in its ARN.
        arn_prefix: An ARN's beginning, up to the account.
        tags: Where tags go.
        clock: AWS's clock.
    """

    def __init__(self, kind: str, noun: str, arn_kind: str, arn_prefix: str, tags: Tags, clock: Clock) -> None:  # noqa: PLR0917 - what tells two kinds apart
        self._kind = kind
        self._noun = noun
        self._arn_prefix = f"{arn_prefix}:{arn_kind}"
        self._tags = tags
        self._clock = clock
        self._items: dict[str, Json] = {}

    def create(self, request: Json) -> Json:
        """Keep a request as the resource of its name; answers the ARN as the Create operation does."""
        name = request[f"{self._kind}Name"]
        arn = self._arn(name)
        if name in self._items:
            raise ValidationException(f'Cannot create already existing {self._noun} "{arn}".')
        described = {key: value for key, value in request.items() if key != "Tags"}
        self._items[name] = {**described, f"{self._kind}Arn": arn, "CreationTime": self._clock.now()}
        self._tags.add(arn, request)
        return {f"{self._kind}Arn": arn}

    def describe(self, request: Mapping[str, Any]) -> Json:
        """The resource that a request names, as the Describe operation shows it."""
        return dict(self.get(request[f"{self._kind}Name"]))

    def delete(self, request: Mapping[str, Any]) -> Json:
        """Delete the resource that a request names."""
        name = request[f"{self._kind}Name"]
        self._tags.forget(self.get(name)[f"{self._kind}Arn"])
        del self._items[name]
        return {}

    def list(self, request: Mapping[str, Any]) -> Json:
        """A page of the List operation."""
        keys = (f"{self._kind}Name", f"{self._kind}Arn", "CreationTime")
        summaries = [{key: item[key] for key in keys} for item in self._items.values()]
        return page(f"{self._kind}s", f"{self._kind}Name", summaries, request)

    def get(self, name: str) -> Json:
        """The resource of a name.

        Raises:
            ValidationException: There is none.
        """
        if name not in self._items:
            raise ValidationException(f'Could not find {self._noun} "{self._arn(name)}".')
        return self._items[name]

    def state(self) -> Json:
        """Every resource by name, as plain JSON for `restore`."""
        return self._items

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what `state` gave."""
        self._items.update(state)

    def __contains__(self, arn: str) -> bool:
        """Whether there is a resource of an ARN."""
        return any(item[f"{self._kind}Arn"] == arn for item in self._items.values())

    def _arn(self, name: str) -> str:
        return f"{self._arn_prefix}/{name}"


def page(member: str, name_key: str, summaries: list[Json], request: Mapping[str, Any]) -> Json:
    """One page of a list operation, newest first unless asked otherwise; the token is the index of the next item.

    Raises:
        ValidationException: The token is none of ours.
    """
    wanted = request.get("NameContains", "").lower()
    sort_key = {"Name": name_key, "Status": "EndpointStatus"}.get(request.get("SortBy", ""), "CreationTime")
    items = sorted(
        (item for item in summaries if wanted in item[name_key].lower() and _in_time(item, request)),
        key=lambda item: item[sort_key],
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    return cut(member, items, request)


def cut(member: str, items: list[Json], request: Mapping[str, Any]) -> Json:
    """The page of a list that a request asks for.

    Raises:
        ValidationException: The token is none of ours.
    """
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ValidationException("Invalid NextToken.")
    begin = int(token)
    end = begin + min(request.get("MaxResults", _PAGE_SIZE), _PAGE_SIZE)
    answer: Json = {member: items[begin:end]}
    if end < len(items):
        answer["NextToken"] = str(end)
    return answer


def _in_time(item: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether an item is of the time that a list operation asks for: `…TimeAfter` itself counts, `…TimeBefore` not.

    Times are compared by the millisecond, so that one that an answer has shown finds its item again.
    """
    for member in ("CreationTime", "LastModifiedTime"):
        after, before = (request.get(f"{member}{side}") for side in ("After", "Before"))
        if after is not None and _milliseconds(item[member]) < _milliseconds(after):
            return False
        if before is not None and _milliseconds(item[member]) >= _milliseconds(before):
            return False
    return True


def _milliseconds(moment: float | str) -> int:
    """A moment in epoch seconds, or as ISO 8601 writes it, in whole epoch milliseconds."""
    aware = parse_to_aware_datetime(moment)  # type: ignore[arg-type]  # its stubs know of text alone
    return round(aware.timestamp() * 1000)
