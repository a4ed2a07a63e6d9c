"""SageMaker's resources that are stored by name and never change: models and endpoint configs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from async_endpoint.clock import Clock
from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.sagemaker.listing import Json, list_resources
from async_endpoint.emulator.sagemaker.tags import Tags


@dataclass(frozen=True)
class ResourceKind:
    """What differs between models and endpoint configs.

    Attributes:
        name: As in the members' names: `Model` for ModelName and ModelArn.
        noun: As in the error messages.
        arn_type: The resource's type in its ARN.
    """

    name: str
    noun: str
    arn_type: str


MODEL = ResourceKind("Model", "model", "model")
ENDPOINT_CONFIG = ResourceKind("EndpointConfig", "endpoint configuration", "endpoint-config")


class NamedResources:
    """Resources of one kind; the caller locks.

    Args:
        kind: The kind.
        arn_prefix: An ARN's beginning, up to the account.
        tags: The region's tags.
        clock: AWS's clock.
    """

    def __init__(self, kind: ResourceKind, arn_prefix: str, tags: Tags, clock: Clock) -> None:
        self._noun = kind.noun
        self._name_key, self._arn_key, self._list_key = f"{kind.name}Name", f"{kind.name}Arn", f"{kind.name}s"
        self._arn_prefix = f"{arn_prefix}:{kind.arn_type}"
        self._tags = tags
        self._clock = clock
        self._items: dict[str, Json] = {}

    def create(self, request: Json) -> Json:
        """Stores a request as the resource of its name; returns the ARN as the Create operation does.

        Raises:
            ValidationException: There is a resource of that name.
        """
        name = request[self._name_key]
        arn = self._arn(name)
        if name in self._items:
            raise ValidationException(f'Cannot create already existing {self._noun} "{arn}".')
        described = {key: value for key, value in request.items() if key != "Tags"}
        self._items[name] = {**described, self._arn_key: arn, "CreationTime": self._clock.now()}
        self._tags.add(arn, request)
        return {self._arn_key: arn}

    def describe(self, request: Mapping[str, Any]) -> Json:
        """Returns the resource that a request names, as the Describe operation shows it."""
        return dict(self.get(request[self._name_key]))

    def delete(self, request: Mapping[str, Any]) -> Json:
        """Deletes the resource that a request names."""
        name = request[self._name_key]
        self._tags.forget(self.get(name)[self._arn_key])
        del self._items[name]
        return {}

    def list(self, request: Mapping[str, Any]) -> Json:
        """Returns a page of the List operation."""
        keys = (self._name_key, self._arn_key, "CreationTime")
        summaries = [{key: item[key] for key in keys} for item in self._items.values()]
        return list_resources(self._list_key, self._name_key, summaries, request)

    def get(self, name: str) -> Json:
        """Returns the resource of a name.

        Raises:
            ValidationException: There is no resource of that name.
        """
        if name not in self._items:
            raise ValidationException(f'Could not find {self._noun} "{self._arn(name)}".')
        return self._items[name]

    def state(self) -> Json:
        """Returns every resource by name, as plain JSON for `restore`."""
        return self._items

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned."""
        self._items.update(state)

    def __contains__(self, arn: str) -> bool:
        """Returns whether there is a resource of an ARN."""
        return any(item[self._arn_key] == arn for item in self._items.values())

    def _arn(self, name: str) -> str:
        return f"{self._arn_prefix}/{name}"
