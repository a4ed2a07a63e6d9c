"""The instances that an endpoint may use, by its template.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html (a second fleet beside
the first) and https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html (a batch beside it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

BLUE_GREEN = "blue/green"
ROLLING = "rolling"


@dataclass(frozen=True)
class Fleet:
    """The instances of a variant.

    Attributes:
        instance_types: The type, or the pools' types in the order of their priority.
        initial: The instance count of a new endpoint.
        most: The highest instance count that scaling can set.
        updating: The highest instance count during an update.
        strategy: How the variant is updated.
        endpoint: The endpoint's name; None if CloudFormation generates it.
    """

    instance_types: tuple[str, ...]
    initial: int
    most: int
    updating: int
    strategy: str
    endpoint: str | None


def fleets(template: Json) -> Iterator[Fleet]:
    """Yields the fleet of each variant of each endpoint."""
    resources = template.get("Resources", {})
    for endpoint in _of_type(resources, "AWS::SageMaker::Endpoint"):
        config = _resolve(resources, endpoint.get("EndpointConfigName"))
        for variant in config.get("ProductionVariants", ()):
            types = _types(variant)
            if types:
                yield _fleet(resources, endpoint, variant, types)


def _fleet(resources: Json, endpoint: Json, variant: Json, types: tuple[str, ...]) -> Fleet:
    initial = int(variant.get("InitialInstanceCount", 1))
    most = max([initial, *_capacities(resources, variant.get("VariantName", ""))])
    rolling = endpoint.get("DeploymentConfig", {}).get("RollingUpdatePolicy")
    name = endpoint.get("EndpointName")
    return Fleet(
        instance_types=types,
        initial=initial,
        most=most,
        # Without a DeploymentConfig, an update is blue/green, all at once.
        updating=most + _batch(rolling["MaximumBatchSize"], most) if rolling else 2 * most,
        strategy=ROLLING if rolling else BLUE_GREEN,
        endpoint=name if isinstance(name, str) else None,
    )


def _types(variant: Json) -> tuple[str, ...]:
    pools = sorted(variant.get("InstancePools", ()), key=lambda pool: pool.get("Priority", 0))
    return (variant["InstanceType"],) if "InstanceType" in variant else tuple(pool["InstanceType"] for pool in pools)


def _capacities(resources: Json, variant: str) -> Iterator[int]:
    """Yields the maximum capacities of the variant's scalable target and of its scheduled actions."""
    for target in _of_type(resources, "AWS::ApplicationAutoScaling::ScalableTarget"):
        if not _ends_with(target.get("ResourceId"), f"/variant/{variant}"):
            continue
        yield int(target["MaxCapacity"])
        for action in target.get("ScheduledActions", ()):
            if "MaxCapacity" in (bounds := action.get("ScalableTargetAction", {})):
                yield int(bounds["MaxCapacity"])


def _batch(size: Json, most: int) -> int:
    return math.ceil(most * size["Value"] / 100) if size["Type"] == "CAPACITY_PERCENT" else int(size["Value"])


def _of_type(resources: Json, kind: str) -> Iterator[Json]:
    return (each.get("Properties", {}) for each in resources.values() if each["Type"] == kind)


def _resolve(resources: Json, value: Any) -> Json:
    """Returns the properties of the resource that a value refers to; empty if the value is a name."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            found: Json = resources.get(logical_id, {}).get("Properties", {})
            return found
        case _:
            return {}


def _ends_with(value: Any, ending: str) -> bool:
    match value:
        case str():
            return value.endswith(ending)
        case {"Fn::Join": [_, [*_, str(last)]]}:
            return last.endswith(ending)
        case {"Fn::Sub": str(text)}:
            return text.endswith(ending)
        case _:
            return False
