"""CloudFormation resource types of this project beside ministack's own."""

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from async_endpoint.emulator.api.cloudformation import ResourceType
from async_endpoint.emulator.server.ministack.services import FindRegion


def add_resource_type(name: str, resource: ResourceType, find_region: FindRegion) -> None:
    """Lets stacks create, update and delete resources of a type."""

    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        del stack_name
        return resource.handler.create(find_region(get_account_id(), get_region()), logical_id, properties)

    def update(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        del stack_name
        return resource.handler.update(find_region(get_account_id(), get_region()), physical_id, old, new)

    def delete(physical_id: str, properties: Mapping[str, Any]) -> None:
        resource.handler.delete(find_region(get_account_id(), get_region()), physical_id, properties)

    provisioners._RESOURCE_HANDLERS[name] = {"create": create, "update": update, "delete": delete}
    provisioners._REPLACING_PROPERTIES[name] = resource.replacing
    if resource.blocks:
        _run_on_worker_thread(name)


def _run_on_worker_thread(resource_type: str) -> None:
    """Runs a type's handlers in a thread of their own, as ministack runs its own blocking types."""
    others = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name == resource_type or others(name)
