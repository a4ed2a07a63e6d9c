"""The review of a change: everything that deploying other templates would do to a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.operations.diff.changes import ADDED, REMOVED, Change, compare_resources
from async_endpoint.operations.diff.forbidden import changed_variants, lost_contents
from async_endpoint.operations.diff.permissions import Permission, widened_permissions
from async_endpoint.operations.diff.references import resolve_references
from async_endpoint.operations.diff.weakening import weakened_resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from async_endpoint.operations.diff.templates import Template


@dataclass(frozen=True)
class Review:
    """Everything that a change would do to a stage.

    Attributes:
        changes: The changes of resources.
        widened: Permissions that would be wider.
        outputs: Outputs that would be added, removed or changed, a line each.
        weakened: Alarms and scaling that would be weaker, a line each.
        forbidden: Changes that must not be deployed, a sentence each.
    """

    changes: tuple[Change, ...]
    widened: tuple[Permission, ...]
    outputs: tuple[str, ...]
    weakened: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def warnings(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What a reviewer must not miss: headings, each with its lines."""
        for heading, lines in (
            ("Permissions that would be wider", tuple(map(str, self.widened))),
            ("Alarms or scaling that would be weaker", self.weakened),
            ("Must not be deployed", self.forbidden),
        ):
            if lines:
                yield heading, lines

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.changes or self.widened or self.outputs)


def review(base: Mapping[str, Template], head: Mapping[str, Template]) -> Review:
    """Compares the templates that are deployed with those that would be, both by the stacks' ids.

    Raises:
        SchemasMissing: cfn-lint is not installed.
    """
    base, head = resolve_references(base), resolve_references(head)
    changes: list[Change] = []
    widened: list[Permission] = []
    outputs: list[str] = []
    weakened: list[str] = []
    forbidden: list[str] = []
    for stack in sorted({*base, *head}):
        old, new = base.get(stack, {}), head.get(stack, {})
        found = list(compare_resources(stack, old, new))
        changes += found
        widened += widened_permissions(stack, old, new)
        outputs += _compare_outputs(stack, old, new)
        weakened += weakened_resources(stack, old, new)
        forbidden += [*lost_contents(found), *changed_variants(stack, old, new)]
    return Review(tuple(changes), tuple(widened), tuple(outputs), tuple(weakened), tuple(forbidden))


def _compare_outputs(stack: str, base: Template, head: Template) -> Iterator[str]:
    old, new = base.get("Outputs", {}), head.get("Outputs", {})
    for name in sorted({*old, *new}):
        if old.get(name, {}).get("Value") != new.get(name, {}).get("Value"):
            action = ADDED if name not in old else REMOVED if name not in new else "changed"
            yield f"{stack}/{name} {action}"
