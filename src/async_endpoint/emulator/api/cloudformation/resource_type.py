"""What a resource type of CloudFormation is, and what the handlers of all types share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.errors import AwsError

Properties = Mapping[str, Any]
Created = tuple[str, dict[str, str]]  # the physical id, and the attributes for Fn::GetAtt


class ResourceHandler(Protocol):
    """Creates, updates and deletes resources of one type; a service's errors pass through unchanged."""

    def create(self, region: RegionServices, logical_id: str, properties: Properties) -> Created:
        """Creates a resource."""

    def update(self, region: RegionServices, physical_id: str, old: Properties, new: Properties) -> Created:
        """Updates a resource in place."""

    def delete(self, region: RegionServices, physical_id: str, properties: Properties) -> None:
        """Deletes a resource; a resource that is gone already is no error."""


@dataclass(frozen=True)
class ResourceType:
    """One type.

    Attributes:
        handler: Does the work.
        replacing: Properties of which a change replaces the resource.
        blocks: Whether the handler waits for processes or other services, so that it needs a thread of its own.
    """

    handler: ResourceHandler
    replacing: tuple[str, ...]
    blocks: bool = False


def generated_name(logical_id: str) -> str:
    """Returns a unique name, within SageMaker's 63 characters."""
    return f"{logical_id[:50]}-{uuid4().hex[:12]}"


def delete_if_present(delete: Callable[[], object]) -> None:
    """Deletes a resource, and ignores that the resource is gone already."""
    try:
        delete()
    except AwsError as error:
        if not (error.message.startswith("Could not find") or error.code == "ObjectNotFoundException"):
            raise
