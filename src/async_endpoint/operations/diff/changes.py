"""The changes of a stack's resources: added, removed, replaced or changed in place.

Whether CloudFormation replaces a resource follows from the resource schemas: a change of a create-only property
replaces it. A resource that refers to a replaced one changes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from async_endpoint.operations.diff.schemas import create_only_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.operations.diff.templates import Template

ADDED, REMOVED, REPLACED, IN_PLACE = "added", "removed", "replaced", "in place"


@dataclass(frozen=True)
class Change:
    """The change of one resource.

    Attributes:
        stack: The stack's id.
        logical_id: The resource's logical id.
        kind: The resource's type.
        path: Its construct path; its logical id if it has none.
        action: `added`, `removed`, `replaced` or `in place`.
        properties: The properties that differ, or that refer to a replaced resource.
    """

    stack: str
    logical_id: str
    kind: str
    path: str
    action: str
    properties: tuple[str, ...] = ()


def compare_resources(stack: str, base: Template, head: Template) -> Iterator[Change]:
    """Yields the changes of a stack's resources, by logical id."""
    old, new = base.get("Resources", {}), head.get("Resources", {})
    differing = _differing_properties(old, new)
    for name in sorted({*old, *new}):
        properties = differing.get(name, set())
        if name not in old:
            action = ADDED
        elif name not in new:
            action = REMOVED
        elif _is_replaced(old[name], new[name], properties):
            action = REPLACED
        elif properties:
            action = IN_PLACE
        else:
            continue
        resource = new.get(name) or old[name]
        path = resource.get("Metadata", {}).get("aws:cdk:path", name).removesuffix("/Resource")
        yield Change(stack, name, resource["Type"], path, action, tuple(sorted(properties)))


def _differing_properties(old: Template, new: Template) -> dict[str, set[str]]:
    """Returns the properties that change for each resource in both templates, references to replaced ones included."""
    differing = {name: _differing(old[name], new[name]) for name in old.keys() & new.keys()}
    replaced: set[str] = set()
    while True:
        found = {name for name, properties in differing.items() if _is_replaced(old[name], new[name], properties)}
        if found <= replaced:  # no further resource refers to a replaced one
            return differing
        replaced |= found
        for name, properties in differing.items():
            others = replaced - {name}
            properties |= {each for each, value in _properties(new[name]).items() if others & _references(value)}


def _properties(resource: Template) -> dict[str, Any]:
    """Returns a resource's properties, together with its deletion and update policies."""
    return {**resource.get("Properties", {}), **{key: resource[key] for key in resource if key.endswith("Policy")}}


def _differing(old: Template, new: Template) -> set[str]:
    before, after = _properties(old), _properties(new)
    found = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return found | ({"Type"} if old["Type"] != new["Type"] else set())


def _is_replaced(old: Template, new: Template, properties: set[str]) -> bool:
    return bool(properties) and (old["Type"] != new["Type"] or bool(properties & create_only_properties(new["Type"])))


def _references(value: Any) -> set[str]:
    """Returns the logical ids that a value refers to."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case dict():
            return {name for inner in value.values() for name in _references(inner)}
        case list():
            return {name for inner in value for name in _references(inner)}
        case _:
            return set()
