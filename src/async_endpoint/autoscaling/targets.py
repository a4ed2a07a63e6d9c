"""Scalable targets: which endpoint variant may be scaled, and between which bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import ValidationException

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")


@dataclass(frozen=True)
class TargetKey:
    """An endpoint variant's identity: resource id `endpoint/<name>/variant/<variant>`, one dimension, one namespace."""

    endpoint: str
    variant: str

    @property
    def resource_id(self) -> str:
        """Returns the ResourceId."""
        return f"endpoint/{self.endpoint}/variant/{self.variant}"

    @classmethod
    def from_resource_id(cls, resource_id: str) -> Self | None:
        """Returns the key of the variant that a ResourceId names; None where the id names no variant."""
        match = _RESOURCE.fullmatch(resource_id)
        return None if match is None else cls(match["endpoint"], match["variant"])

    @classmethod
    def from_members(cls, request: Mapping[str, Any]) -> Self:
        """Reads ServiceNamespace, ResourceId and ScalableDimension, which every operation on one target has.

        Raises:
            ValidationException: They name anything but the instance count of a SageMaker endpoint variant.
        """
        namespace, resource = request["ServiceNamespace"], request["ResourceId"]
        dimension = request["ScalableDimension"]
        key = cls.from_resource_id(resource)
        if namespace != NAMESPACE or key is None or dimension != DIMENSION:
            raise ValidationException(
                "The local AWS scales the instance count of SageMaker endpoint variants alone: not "
                f"{_named(namespace, resource, dimension)}."
            )
        return key

    def describe(self) -> dict[str, object]:
        """Returns the three members that name a target."""
        return {"ServiceNamespace": NAMESPACE, "ResourceId": self.resource_id, "ScalableDimension": DIMENSION}

    def __str__(self) -> str:
        return _named(NAMESPACE, self.resource_id, DIMENSION)


@dataclass(frozen=True)
class SuspendedState:
    """Which kinds of scaling are suspended."""

    scaling_in: bool = False
    scaling_out: bool = False
    scheduled: bool = False

    @classmethod
    def from_members(cls, state: Mapping[str, Any]) -> Self:
        """Builds the state from SuspendedState's members."""
        return cls(
            scaling_in=state.get("DynamicScalingInSuspended", False),
            scaling_out=state.get("DynamicScalingOutSuspended", False),
            scheduled=state.get("ScheduledScalingSuspended", False),
        )

    def describe(self) -> dict[str, object]:
        """Returns the state as SuspendedState."""
        return {
            "DynamicScalingInSuspended": self.scaling_in,
            "DynamicScalingOutSuspended": self.scaling_out,
            "ScheduledScalingSuspended": self.scheduled,
        }


@dataclass(frozen=True)
class ScalableTarget:
    """A registered target; capacities are instance counts, `created_at` is in epoch seconds."""

    key: TargetKey
    arn: str
    min_capacity: int
    max_capacity: int
    created_at: float
    suspended: SuspendedState = field(default_factory=SuspendedState)

    @classmethod
    def from_members(cls, request: Mapping[str, Any], arn: str, now: float, previous: Self | None = None) -> Self:
        """Builds a target from RegisterScalableTarget's members; an update keeps what it leaves out.

        RoleARN is ignored: SageMaker's variants are scaled under the service-linked role (API reference).

        Raises:
            ValidationException: A bound is missing for a new target, negative, or min exceeds max.
        """
        key = TargetKey.from_members(request)
        resource_limits.check_at_least(0, request, "MinCapacity", "MaxCapacity")
        least, most, suspended = (request.get(name) for name in ("MinCapacity", "MaxCapacity", "SuspendedState"))
        if previous is not None:
            least = previous.min_capacity if least is None else least
            most = previous.max_capacity if most is None else most
        if least is None or most is None:
            raise ValidationException("MinCapacity and MaxCapacity must be specified for a new scalable target")
        if least > most:
            raise ValidationException(f"Maximum capacity ({most}) cannot be less than minimum capacity ({least})")
        return cls(
            key=key,
            arn=arn if previous is None else previous.arn,
            min_capacity=least,
            max_capacity=most,
            created_at=now if previous is None else previous.created_at,
            suspended=_suspended(suspended, previous),
        )

    def describe(self) -> dict[str, object]:
        """Returns the target as a ScalableTarget."""
        return self.key.describe() | {
            "MinCapacity": self.min_capacity,
            "MaxCapacity": self.max_capacity,
            "RoleARN": _service_linked_role(self.arn),
            "CreationTime": self.created_at,
            "SuspendedState": self.suspended.describe(),
            "ScalableTargetARN": self.arn,
        }


def _suspended(given: Mapping[str, Any] | None, previous: ScalableTarget | None) -> SuspendedState:
    if given is not None:
        return SuspendedState.from_members(given)
    return previous.suspended if previous else SuspendedState()


def _named(namespace: str, resource: str, dimension: str) -> str:
    return f"service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"


def _service_linked_role(target_arn: str) -> str:
    account = target_arn.split(":")[4]
    return (
        f"arn:aws:iam::{account}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
