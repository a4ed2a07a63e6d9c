"""Scalable targets: which endpoint variant may be scaled, and between which bounds."""

import re
from dataclasses import dataclass, field
from typing import Self

from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.errors import ValidationException
from async_endpoint.cloudwatch.members import Members

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
        """Return the ResourceId."""
        return f"endpoint/{self.endpoint}/variant/{self.variant}"

    @classmethod
    def from_members(cls, request: Members) -> Self:
        """Read ServiceNamespace, ResourceId and ScalableDimension, which every operation on one target carries.

        Raises:
            ValidationException: one is missing, or they name anything but a SageMaker endpoint variant's count.
        """
        namespace = members.text(request, "ServiceNamespace")
        resource = members.text(request, "ResourceId")
        match = _RESOURCE.fullmatch(resource)
        dimension = members.text(request, "ScalableDimension")
        if namespace != NAMESPACE or match is None or dimension != DIMENSION:
            raise ValidationException(
                "The local AWS scales the instance count of SageMaker endpoint variants alone: not "
                f"{_named(namespace, resource, dimension)}."
            )
        return cls(match["endpoint"], match["variant"])

    def describe(self) -> dict[str, object]:
        """Return the three members that name a target."""
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
    def from_members(cls, state: Members) -> Self:
        """Build it from SuspendedState's members."""
        return cls(
            scaling_in=members.flag(state, "DynamicScalingInSuspended", default=False),
            scaling_out=members.flag(state, "DynamicScalingOutSuspended", default=False),
            scheduled=members.flag(state, "ScheduledScalingSuspended", default=False),
        )

    def describe(self) -> dict[str, object]:
        """Return it as SuspendedState."""
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
    def from_members(cls, request: Members, arn: str, now: float, previous: Self | None = None) -> Self:
        """Build a target from RegisterScalableTarget's members; what an update leaves out stays as it was.

        A RoleARN is not looked at: SageMaker's variants are scaled under the service-linked role (API reference).

        Raises:
            ValidationException: a bound is missing for a new target, negative, or min exceeds max.
        """
        key = TargetKey.from_members(request)
        least = members.optional_whole(request, "MinCapacity", least=0)
        most = members.optional_whole(request, "MaxCapacity", least=0)
        suspended = members.optional_structure(request, "SuspendedState")
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
        """Return the target as a ScalableTarget."""
        return self.key.describe() | {
            "MinCapacity": self.min_capacity,
            "MaxCapacity": self.max_capacity,
            "RoleARN": _service_linked_role(self.arn),
            "CreationTime": self.created_at,
            "SuspendedState": self.suspended.describe(),
            "ScalableTargetARN": self.arn,
        }


def _suspended(given: Members | None, previous: ScalableTarget | None) -> SuspendedState:
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
