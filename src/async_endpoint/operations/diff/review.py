"""What a change of templates would do to what is deployed, and which of it must not be done.

Whether CloudFormation replaces a resource is read from the resource schemas, as cfn-lint brings them: a change of a
create-only property replaces. What refers to a replaced resource changes with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from async_endpoint.operations.diff.references import settled

Template = Mapping[str, Any]
CreateOnly = Callable[[str], frozenset[str]]

ADDED, REMOVED, REPLACED, IN_PLACE = "added", "removed", "replaced", "in place"

# Without these, documents, jobs, messages or subscriptions would be gone, or left behind where nobody looks.
_HOLDS = {
    "AWS::S3::Bucket": "documents",
    "AWS::DynamoDB::Table": "records",
    "AWS::KMS::Key": "what it encrypts",
    "AWS::SNS::Topic": "others' subscriptions",
    "AWS::SQS::Queue": "messages",
}
_ALARM = "AWS::CloudWatch::Alarm"
_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
_LOOSENING = {
    _ALARM: (
        "Threshold",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "TreatMissingData",
        "ActionsEnabled",
        "AlarmActions",
    ),
    _TARGET: ("MaxCapacity", "MinCapacity"),
    _POLICY: (),
}
_VARIANT_IDENTITY = ("VariantName", "InstanceType", "InstancePools")
_TWO_STEPS = (
    "SageMaker refuses another instance type, or another variant, while the variant is a scalable target. Take two "
    "deploys: first scaling.enabled = false with the type as it is, then the new type with scaling.enabled = true."
)


@dataclass(frozen=True)
class Change:
    """What would become of one resource; `because` are the properties that differ or refer to what is replaced."""

    stack: str
    logical_id: str
    kind: str
    path: str
    action: str
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """One thing that a policy would newly allow, or no longer deny."""

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
        verb = "allows" if self.effect == "Allow" else "no longer denies"
        return f"{self.stack}/{self.logical_id} {verb} {self.action} on {self.resource}{who}{when}"


@dataclass(frozen=True)
class Review:
    """All that a change of one stage would do."""

    changes: tuple[Change, ...]
    widened: tuple[Permission, ...]
    outputs: tuple[str, ...]
    weakened: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def callouts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What a reviewer must not miss, under a heading each."""
        for heading, found in (
            ("Permissions that would be wider", tuple(map(str, self.widened))),
            ("Alarms or scaling that would be weaker", self.weakened),
            ("Refused", self.refused),
        ):
            if found:
                yield heading, found

    @property
    def empty(self) -> bool:
        """Whether nothing would happen."""
        return not (self.changes or self.widened or self.outputs)


def review(base: Mapping[str, Template], head: Mapping[str, Template], create_only: CreateOnly) -> Review:
    """Compare two sets of templates, by the stacks' ids.

    Args:
        base: What is deployed.
        head: What would be.
        create_only: Gives the create-only properties of a resource type.
    """
    base, head = settled(base), settled(head)
    changes: list[Change] = []
    widened: list[Permission] = []
    outputs: list[str] = []
    weakened: list[str] = []
    refused: list[str] = []
    for stack in sorted({*base, *head}):
        old, new = base.get(stack, {}), head.get(stack, {})
        found = list(_changes(stack, old, new, create_only))
        changes += found
        widened += sorted(_of_effect("Allow", stack, new) - _of_effect("Allow", stack, old), key=str)
        if old and new:  # a stack that goes takes its denials along, and what they were about
            kept = new["Resources"].keys()
            gone = _of_effect("Deny", stack, old) - _of_effect("Deny", stack, new)
            widened += sorted((each for each in gone if each.logical_id in kept), key=str)
        outputs += _outputs(stack, old, new)
        weakened += _weakened(stack, old, new)
        refused += [*_lost(found), *_scaled(stack, old, new)]
    return Review(tuple(changes), tuple(widened), tuple(outputs), tuple(weakened), tuple(refused))


def _changes(stack: str, base: Template, head: Template, create_only: CreateOnly) -> Iterator[Change]:
    old, new = base.get("Resources", {}), head.get("Resources", {})
    because = {name: _differing(old[name], new[name]) for name in old.keys() & new.keys()}
    replaced = {name for name, parts in because.items() if _replaces(old[name], new[name], parts, create_only)}
    while True:  # until nothing more is drawn in by what is replaced
        for name in because:
            drawn = {part for part, value in _parts(new[name]).items() if replaced - {name} & _named_in(value)}
            because[name] |= drawn
        grown = {name for name, parts in because.items() if _replaces(old[name], new[name], parts, create_only)}
        if grown <= replaced:
            break
        replaced |= grown
    for name in sorted({*old, *new}):
        resource = new.get(name) or old[name]
        if name not in old:
            action = ADDED
        elif name not in new:
            action = REMOVED
        elif name in replaced:
            action = REPLACED
        elif because[name]:
            action = IN_PLACE
        else:
            continue
        path = resource.get("Metadata", {}).get("aws:cdk:path", name).removesuffix("/Resource")
        yield Change(stack, name, resource["Type"], path, action, tuple(sorted(because.get(name, ()))))


def _parts(resource: Template) -> dict[str, Any]:
    """A resource's properties, and the policies of its deletion beside them."""
    return {**resource.get("Properties", {}), **{key: resource[key] for key in resource if key.endswith("Policy")}}


def _differing(old: Template, new: Template) -> set[str]:
    before, after = _parts(old), _parts(new)
    found = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return found | ({"Type"} if old["Type"] != new["Type"] else set())


def _replaces(old: Template, new: Template, parts: set[str], create_only: CreateOnly) -> bool:
    return bool(parts) and (old["Type"] != new["Type"] or bool(parts & create_only(new["Type"])))


def _named_in(value: Any) -> set[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case dict():
            return {name for inner in value.values() for name in _named_in(inner)}
        case list():
            return {name for inner in value for name in _named_in(inner)}
        case _:
            return set()


def _of_effect(effect: str, stack: str, template: Template) -> set[Permission]:
    """Everything that a template's policies allow, or deny."""
    return {
        Permission(
            stack, name, effect, _short(action), _short(resource_arn),
            _short(statement.get("Principal") or statement.get("NotPrincipal")), _short(statement.get("Condition")),
        )
        for name, resource in template.get("Resources", {}).items()
        for statement in _statements(resource.get("Properties", {}))
        if statement.get("Effect") == effect
        for action in _listed(statement.get("Action") or {"all but": statement.get("NotAction")})
        for resource_arn in _listed(statement.get("Resource", "itself"))
    }  # fmt: skip


def _statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every policy statement, wherever a resource keeps its policy."""
    match value:
        case {"Statement": list(statements)}:
            yield from (each for each in statements if isinstance(each, Mapping))
        case dict():
            for inner in value.values():
                yield from _statements(inner)
        case list():
            for inner in value:
                yield from _statements(inner)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _short(value: Any) -> str:  # noqa: PLR0911 - any part of a template, each in its form
    """A value of a template as one reads it: joins joined, references by name."""
    match value:
        case None:
            return ""
        case str():
            return value
        case {"Fn::Join": [str(delimiter), list(parts)]}:
            return delimiter.join(map(_short, parts))
        case {"Ref": str(name)}:
            return f"{{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"{{{name}.{attribute}}}"
        case {"Fn::GetStackOutput": {"OutputName": str(name)}}:
            return f"{{{name.removeprefix('PublishOutput')}}}"
        case {"Fn::Sub": str(text)}:
            return text
        case _:
            return json.dumps(value, sort_keys=True)


def _outputs(stack: str, base: Template, head: Template) -> Iterator[str]:
    old, new = base.get("Outputs", {}), head.get("Outputs", {})
    for name in sorted({*old, *new}):
        if old.get(name, {}).get("Value") != new.get(name, {}).get("Value"):
            action = ADDED if name not in old else REMOVED if name not in new else "changed"
            yield f"{stack}/{name} {action}"


def _weakened(stack: str, base: Template, head: Template) -> Iterator[str]:
    """Alarms that would fire later or tell nobody, and scaling that would do less."""
    old, new = base.get("Resources", {}), head.get("Resources", {})
    for name, resource in sorted(old.items()):
        if resource["Type"] not in {_ALARM, _TARGET, _POLICY}:
            continue
        if name not in new:
            yield f"{stack}/{name}, {resource['Type']}, removed"
            continue
        before, after = resource["Properties"], new[name]["Properties"]
        yield from (
            f"{stack}/{name}: {member} {_short(before.get(member))} → {_short(after.get(member))}"
            for member in _LOOSENING[resource["Type"]]
            if before.get(member) != after.get(member) and _is_looser(member, before, after)
        )


def _is_looser(member: str, before: Template, after: Template) -> bool:
    """Whether a changed member makes an alarm harder to set off, or scaling smaller; what cannot be told is said."""
    old, new = before.get(member), after.get(member)
    if member == "AlarmActions":
        return any(action not in (new or []) for action in old or [])
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return True
    if member in {"MaxCapacity", "MinCapacity"} or str(before.get("ComparisonOperator")).startswith("Less"):
        return new < old if member in {"MaxCapacity", "MinCapacity", "Threshold"} else new > old
    return new > old


def _lost(changes: list[Change]) -> Iterator[str]:
    for change in changes:
        if change.kind in _HOLDS and change.action in {REMOVED, REPLACED}:
            yield (
                f"{change.kind} {change.path} ({change.logical_id}) would be {change.action}, and with it "
                f"{_HOLDS[change.kind]}. Keep its construct id and create-only properties as they are."
            )


def _scaled(stack: str, base: Template, head: Template) -> Iterator[str]:
    old, new = base.get("Resources", {}), head.get("Resources", {})
    if not any(each["Type"] == _TARGET for each in old.values()):
        return
    for name in old.keys() & new.keys():
        if old[name]["Type"] == new[name]["Type"] == "AWS::SageMaker::EndpointConfig":
            identities = [_identity(resource) for resource in (old[name], new[name])]
            if identities[0] != identities[1]:
                yield f"{stack}/{name}: {' → '.join(map(_short, identities))}. {_TWO_STEPS}"


def _identity(config: Template) -> list[dict[str, Any]]:
    """What of an endpoint configuration's variants must not change while they scale."""
    return [
        {member: variant[member] for member in _VARIANT_IDENTITY if member in variant}
        for variant in config["Properties"].get("ProductionVariants", [])
    ]
