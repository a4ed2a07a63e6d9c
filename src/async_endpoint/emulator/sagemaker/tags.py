"""The tags of SageMaker's resources."""

from collections.abc import Mapping
from typing import Any

from async_endpoint.emulator.sagemaker.listing import Json


class Tags:
    """Tags by the ARN of their resource."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def add(self, arn: str, request: Mapping[str, Any]) -> None:
        """Adds a request's `Tags`, overwriting those of the same key."""
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in request.get("Tags", ())})

    def remove(self, arn: str, keys: list[str]) -> None:
        """Removes tags; keys that do not exist are ignored."""
        for key in keys:
            self._tags.get(arn, {}).pop(key, None)

    def forget(self, arn: str) -> None:
        """Drops every tag of a deleted resource."""
        self._tags.pop(arn, None)

    def listed(self, arn: str) -> list[Json]:
        """Returns the tags, as ListTags shows them."""
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def state(self) -> Json:
        """Returns every tag by ARN and key, as plain JSON for `restore`."""
        return self._tags

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned."""
        self._tags.update(state)
