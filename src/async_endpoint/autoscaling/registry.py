"""The scalable targets and scaling policies that are registered, and how they are described."""

from collections.abc import Iterator
from dataclasses import dataclass

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import ObjectNotFoundException, ValidationException
from async_endpoint.autoscaling.policies import Policy, StepScalingPolicy, TargetTrackingPolicy, describe_configuration
from async_endpoint.autoscaling.targets import ScalableTarget, TargetKey
from async_endpoint.cloudwatch.alarms import MetricAlarm


@dataclass(frozen=True)
class RegisteredPolicy:
    """A scaling policy of a target. The two ids name AlarmHigh and AlarmLow of target tracking."""

    target: TargetKey
    name: str
    arn: str
    policy: Policy
    created_at: float
    alarm_ids: tuple[str, str]

    def own_alarms(self) -> tuple[MetricAlarm, ...]:
        """Returns the alarms that the policy creates for itself: target tracking's AlarmHigh and AlarmLow."""
        if isinstance(self.policy, StepScalingPolicy):
            return ()
        return self.policy.alarms(self.target, self.arn, *self.alarm_ids)

    def describe(self) -> dict[str, object]:
        """Returns the policy as a ScalingPolicy, without its Alarms."""
        described: dict[str, object] = {"PolicyARN": self.arn, "PolicyName": self.name, "CreationTime": self.created_at}
        return described | self.target.describe() | describe_configuration(self.policy)


class Registry:
    """Scalable targets by key and policies by target and name, in the order of creation."""

    def __init__(self) -> None:
        self._targets: dict[TargetKey, ScalableTarget] = {}
        self._policies: dict[tuple[TargetKey, str], RegisteredPolicy] = {}

    @property
    def targets(self) -> tuple[ScalableTarget, ...]:
        """Returns every target."""
        return tuple(self._targets.values())

    def find_target(self, key: TargetKey) -> ScalableTarget | None:
        """Returns a target, or None."""
        return self._targets.get(key)

    def target(self, key: TargetKey) -> ScalableTarget:
        """Returns a target.

        Raises:
            ObjectNotFoundException: It is not registered.
        """
        if key not in self._targets:
            raise ObjectNotFoundException(f"No scalable target registered for {key}")
        return self._targets[key]

    def put_target(self, target: ScalableTarget) -> None:
        """Adds a target or replaces it."""
        self._targets[target.key] = target

    def remove_target(self, key: TargetKey) -> None:
        """Removes a target, whose policies must be gone."""
        del self._targets[key]

    def policies_of(self, key: TargetKey) -> list[RegisteredPolicy]:
        """Returns a target's policies."""
        return [policy for policy in self._policies.values() if policy.target == key]

    def find_policy(self, key: TargetKey, name: str) -> RegisteredPolicy | None:
        """Returns a policy, or None."""
        return self._policies.get((key, name))

    def policy(self, key: TargetKey, name: str) -> RegisteredPolicy:
        """Returns a policy.

        Raises:
            ObjectNotFoundException: It does not exist.
        """
        if (key, name) not in self._policies:
            raise ObjectNotFoundException(f"No scaling policy found for {key}, policy name: {name}")
        return self._policies[key, name]

    def check_policy(self, policy: RegisteredPolicy) -> None:
        """Checks a policy against what its target allows beside its other policies.

        Raises:
            LimitExceededException: It would be one more than a target can have.
            ValidationException: Another policy tracks the same metric.
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
        """Adds a policy or replaces it."""
        self._policies[policy.target, policy.name] = policy

    def remove_policy(self, policy: RegisteredPolicy) -> None:
        """Removes a policy."""
        del self._policies[policy.target, policy.name]

    def __iter__(self) -> Iterator[RegisteredPolicy]:
        """Yields every policy."""
        return iter(tuple(self._policies.values()))
