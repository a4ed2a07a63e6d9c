"""Changes that must not be deployed: they lose data, or SageMaker rejects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_endpoint.operations.diff.changes import REMOVED, REPLACED
from async_endpoint.operations.diff.templates import readable
from async_endpoint.operations.diff.weakening import SCALABLE_TARGET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from async_endpoint.operations.diff.changes import Change
    from async_endpoint.operations.diff.templates import Template

_CONTENTS = {
    "AWS::S3::Bucket": "documents",
    "AWS::DynamoDB::Table": "records",
    "AWS::KMS::Key": "what it encrypts",
    "AWS::SNS::Topic": "others' subscriptions",
    "AWS::SQS::Queue": "messages",
}
_VARIANT_IDENTITY = ("VariantName", "InstanceType", "InstancePools")
_TWO_STEPS = (
    "SageMaker rejects another instance type, or another variant, while the variant is a scalable target. Take two "
    "deploys: first scaling.enabled = false with the type as it is, then the new type with scaling.enabled = true."
)


def lost_contents(changes: Iterable[Change]) -> Iterator[str]:
    """Yields a sentence for each change that would delete data, or leave it behind where nobody looks."""
    for change in changes:
        if change.kind in _CONTENTS and change.action in {REMOVED, REPLACED}:
            yield (
                f"{change.kind} {change.path} ({change.logical_id}) would be {change.action}, and with it "
                f"{_CONTENTS[change.kind]}. Keep its construct id and create-only properties as they are."
            )


def changed_variants(stack: str, base: Template, head: Template) -> Iterator[str]:
    """Yields a sentence for each endpoint configuration whose variants change while they are scalable targets."""
    old, new = base.get("Resources", {}), head.get("Resources", {})
    if not any(each["Type"] == SCALABLE_TARGET for each in old.values()):
        return
    for name in old.keys() & new.keys():
        if old[name]["Type"] == new[name]["Type"] == "AWS::SageMaker::EndpointConfig":
            before, after = _identity(old[name]), _identity(new[name])
            if before != after:
                yield f"{stack}/{name}: {readable(before)} → {readable(after)}. {_TWO_STEPS}"


def _identity(config: Template) -> list[dict[str, Any]]:
    """Returns the members of a configuration's variants that must not change while they are scalable targets."""
    return [
        {member: variant[member] for member in _VARIANT_IDENTITY if member in variant}
        for variant in config["Properties"].get("ProductionVariants", [])
    ]
