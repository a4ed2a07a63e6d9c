"""Permissions that a change widens: what policies would newly allow, or no longer deny."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from async_endpoint.operations.diff.templates import readable

if TYPE_CHECKING:
    from async_endpoint.operations.diff.templates import Template

_ALLOW, _DENY = "Allow", "Deny"


@dataclass(frozen=True)
class Permission:
    """One action on one resource that a policy would newly allow, or no longer deny."""

    stack: str
    logical_id: str
    effect: str
    action: str
    resource: str
    principal: str
    condition: str

    def __str__(self) -> str:
        who = f" to {self.principal}" if self.principal else ""
        when = f" if {self.condition}" if self.condition else ""
        verb = "allows" if self.effect == _ALLOW else "no longer denies"
        return f"{self.stack}/{self.logical_id} {verb} {self.action} on {self.resource}{who}{when}"


def widened_permissions(stack: str, base: Template, head: Template) -> Iterator[Permission]:
    """Yields the permissions of a stack that a change widens."""
    yield from sorted(_permissions(_ALLOW, stack, head) - _permissions(_ALLOW, stack, base), key=str)
    if base and head:  # a removed stack takes its denials along with what they were about
        remaining = head["Resources"].keys()
        no_longer_denied = _permissions(_DENY, stack, base) - _permissions(_DENY, stack, head)
        yield from sorted((each for each in no_longer_denied if each.logical_id in remaining), key=str)


def _permissions(effect: str, stack: str, template: Template) -> set[Permission]:
    """Returns everything that a template's policies allow, or deny."""
    return {
        Permission(
            stack=stack,
            logical_id=name,
            effect=effect,
            action=readable(action),
            resource=readable(arn),
            principal=readable(statement.get("Principal") or statement.get("NotPrincipal")),
            condition=readable(statement.get("Condition")),
        )
        for name, resource in template.get("Resources", {}).items()
        for statement in _statements(resource.get("Properties", {}))
        if statement.get("Effect") == effect
        for action in _as_list(statement.get("Action") or {"all but": statement.get("NotAction")})
        for arn in _as_list(statement.get("Resource", "itself"))
    }


def _statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yields every policy statement, whichever property of a resource it is in."""
    match value:
        case {"Statement": list(statements)}:
            yield from (each for each in statements if isinstance(each, Mapping))
        case dict():
            for inner in value.values():
                yield from _statements(inner)
        case list():
            for inner in value:
                yield from _statements(inner)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
