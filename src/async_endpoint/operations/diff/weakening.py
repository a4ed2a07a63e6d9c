"""Alarms and scaling that a change weakens: alarms that fire later or notify nobody, less capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.diff.templates import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.operations.diff.templates import Template

SCALABLE_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"

_CAPACITIES = ("MaxCapacity", "MinCapacity")
_MEMBERS = {
    "AWS::CloudWatch::Alarm": (
        "Threshold",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "TreatMissingData",
        "ActionsEnabled",
        "AlarmActions",
    ),
    SCALABLE_TARGET: _CAPACITIES,
    "AWS::ApplicationAutoScaling::ScalingPolicy": (),
}


def weakened_resources(stack: str, base: Template, head: Template) -> Iterator[str]:
    """Yields a line for each alarm, scalable target or scaling policy of a stack that a change weakens or removes."""
    old, new = base.get("Resources", {}), head.get("Resources", {})
    for name, resource in sorted(old.items()):
        if resource["Type"] not in _MEMBERS:
            continue
        if name not in new:
            yield f"{stack}/{name}, {resource['Type']}, removed"
            continue
        before, after = resource["Properties"], new[name]["Properties"]
        yield from (
            f"{stack}/{name}: {member} {readable(before.get(member))} → {readable(after.get(member))}"
            for member in _MEMBERS[resource["Type"]]
            if before.get(member) != after.get(member) and _is_weaker(member, before, after)
        )


def _is_weaker(member: str, before: Template, after: Template) -> bool:
    """Returns whether a changed member makes an alarm harder to trigger, or scaling smaller; True where unknown."""
    old, new = before.get(member), after.get(member)
    if member == "AlarmActions":
        return any(action not in (new or []) for action in old or [])
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return True
    fires_below = str(before.get("ComparisonOperator")).startswith("Less")
    if member in _CAPACITIES or (member == "Threshold" and fires_below):
        return new < old
    return new > old
