"""The scalable targets and scaling policies that are registered, and how they are described."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.policies import (
    Policy,
    StepScalingPolicy,
    TargetTrackingPolicy,
    describe_configuration,
)
from async_endpoint.autoscaling.targets import DIMENSION, NAMESPACE, ScalableTarget, TargetKey
from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.alarms import MetricAlarm
from async_endpoint.cloudwatch.errors import InvalidNextTokenException, ObjectNotFoundException, ValidationException
from async_endpoint.cloudwatch.members import Members

_TOKEN = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class RegisteredPolicy:
    """A scaling policy of a target. The two ids name AlarmHigh and AlarmLow, should it be target tracking."""

    target: TargetKey
    name: str
    arn: str
    policy: Policy
    created_at: float
    alarm_ids: tuple[str, str]

    def own_alarms(self) -> tuple[MetricAlarm, ...]:
        """Return the alarms that the policy makes for itself: target tracking's AlarmHigh and AlarmLow."""
        if isinstance(self.policy, StepScalingPolicy):
            return ()
        return self.policy.alarms(self.target, self.arn, *self.alarm_ids)

    def describe(self) -> dict[str, object]:
        """Return the policy as a ScalingPolicy, without its Alarms."""
        described: dict[str, object] = {"PolicyARN": self.arn, "PolicyName": self.name, "CreationTime": self.created_at}
        return described | self.target.describe() | describe_configuration(self.policy)


class Registry:
    """Scalable targets by key and policies by target and name, in the order of their making."""

    def __init__(self) -> None:
        self._targets: dict[TargetKey, ScalableTarget] = {}
        self._policies: dict[tuple[TargetKey, str], RegisteredPolicy] = {}

    @property
    def targets(self) -> tuple[ScalableTarget, ...]:
        """Return every target."""
        return tuple(self._targets.values())

    def find_target(self, key: TargetKey) -> ScalableTarget | None:
        """Return a target, or None."""
        return self._targets.get(key)

    def target(self, key: TargetKey) -> ScalableTarget:
        """Return a target.

        Raises:
            ObjectNotFoundException: it is not registered.
        """
        if key not in self._targets:
            raise ObjectNotFoundException(f"No scalable target registered for {key}")
        return self._targets[key]

    def put_target(self, target: ScalableTarget) -> None:
        """Add a target or replace it."""
        self._targets[target.key] = target

    def remove_target(self, key: TargetKey) -> None:
        """Remove a target, whose policies must be gone."""
        del self._targets[key]

    def policies_of(self, key: TargetKey) -> list[RegisteredPolicy]:
        """Return a target's policies."""
        return [policy for policy in self._policies.values() if policy.target == key]

    def find_policy(self, key: TargetKey, name: str) -> RegisteredPolicy | None:
        """Return a policy, or None."""
        return self._policies.get((key, name))

    def policy(self, key: TargetKey, name: str) -> RegisteredPolicy:
        """Return a policy.

        Raises:
            ObjectNotFoundException: it does not exist.
        """
        if (key, name) not in self._policies:
            raise ObjectNotFoundException(f"No scaling policy found for {key}, policy name: {name}")
        return self._policies[key, name]

    def check_policy(self, policy: RegisteredPolicy) -> None:
        """Hold a policy to what its target allows beside the other policies that it has.

        Raises:
            LimitExceededException: it would be one more than a target can have.
            ValidationException: another policy tracks the same metric.
        """
        others = [known for known in self.policies_of(policy.target) if known.name != policy.name]
        resource_limits.check_policies(len(others) + 1)
        if isinstance(policy.policy, TargetTrackingPolicy) and policy.policy.specification in {
            known.policy.specification for known in others if isinstance(known.policy, TargetTrackingPolicy)
        }:
            raise ValidationException(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed."
            )

    def put_policy(self, policy: RegisteredPolicy) -> None:
        """Add a policy or replace it."""
        self._policies[policy.target, policy.name] = policy

    def remove_policy(self, policy: RegisteredPolicy) -> None:
        """Remove a policy."""
        del self._policies[policy.target, policy.name]

    def __iter__(self) -> Iterator[RegisteredPolicy]:
        """Go through all policies."""
        return iter(tuple(self._policies.values()))


def matches(key: TargetKey, request: Members) -> bool:
    """Tell whether a target is among those that a Describe request asks for.

    Raises:
        ValidationException: ServiceNamespace is missing, or ScalableDimension comes without a resource.
    """
    if members.text(request, "ServiceNamespace") != NAMESPACE:
        return False
    wanted = members.texts(request, "ResourceIds")
    single = members.optional_text(request, "ResourceId")
    wanted += (single,) if single else ()
    dimension = members.optional_text(request, "ScalableDimension")
    if dimension is not None and not wanted:
        raise ValidationException("A resource ID must be specified along with a scalable dimension")
    return (not wanted or key.resource_id in wanted) and dimension in {None, DIMENSION}


def page(name: str, items: Sequence[dict[str, object]], request: Members, most: int = 50) -> dict[str, object]:
    """Return one page of a Describe operation's answer: the items from NextToken on, MaxResults but `most` at most.

    Raises:
        ValidationException: MaxResults is no number above zero.
        InvalidNextTokenException: NextToken is none that an answer gave.
    """
    size = min(members.optional_whole(request, "MaxResults", least=1) or most, most)
    token = request.get("NextToken", "0")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidNextTokenException("The NextToken is not one that an earlier answer gave.")
    start = int(token)
    answer: dict[str, object] = {name: list(items[start : start + size])}
    return answer | ({"NextToken": str(start + size)} if start + size < len(items) else {})
