"""The two kinds of scaling policy, and which one a PutScalingPolicy request means."""

from collections.abc import Mapping
from typing import Any

from async_endpoint.autoscaling.errors import ValidationException
from async_endpoint.autoscaling.step_scaling import Breach, Step, StepScalingPolicy
from async_endpoint.autoscaling.target_tracking import TargetTrackingPolicy
from async_endpoint.autoscaling.targets import TargetKey

__all__ = ["Breach", "Policy", "Step", "StepScalingPolicy", "TargetTrackingPolicy", "policy_from_members"]

Policy = StepScalingPolicy | TargetTrackingPolicy

_CONFIGURATIONS = {
    StepScalingPolicy.policy_type: "StepScalingPolicyConfiguration",
    TargetTrackingPolicy.policy_type: "TargetTrackingScalingPolicyConfiguration",
}


def policy_from_members(request: Mapping[str, Any], target: TargetKey, known: Policy | None = None) -> Policy:
    """Builds the policy that PutScalingPolicy's members describe.

    Without a PolicyType, the type is that of the known policy, which the request changes, or StepScaling.

    Raises:
        ValidationException: The type is not evaluated here or differs from the known policy's, or its configuration is
            missing or wrong.
        LimitExceededException: A step policy has more steps than it can have.
    """
    before = None if known is None else known.policy_type
    kind = request.get("PolicyType", before or StepScalingPolicy.policy_type)
    if kind not in _CONFIGURATIONS:
        raise ValidationException(
            f"The local AWS does not evaluate {kind} policies: take {' or '.join(_CONFIGURATIONS)}."
        )
    if before not in {None, kind}:
        raise ValidationException(
            "You cannot change a TargetTrackingScaling policy to a non TargetTrackingScaling policy, or vice versa."
        )
    configuration = request.get(_CONFIGURATIONS[kind])
    if configuration is None:
        raise ValidationException(f"{_CONFIGURATIONS[kind]} must be specified for a policy of type {kind}.")
    if kind == StepScalingPolicy.policy_type:
        return StepScalingPolicy.from_members(configuration)
    return TargetTrackingPolicy.from_members(configuration, target)


def describe_configuration(policy: Policy) -> dict[str, object]:
    """Returns the policy's type and configuration as members of a ScalingPolicy."""
    return {"PolicyType": policy.policy_type, _CONFIGURATIONS[policy.policy_type]: policy.describe()}
