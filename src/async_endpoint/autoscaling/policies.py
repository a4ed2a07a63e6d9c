"""The two kinds of scaling policy, and which one a PutScalingPolicy request means."""

from async_endpoint.autoscaling.step_scaling import Breach, Step, StepScalingPolicy
from async_endpoint.autoscaling.target_tracking import TargetTrackingPolicy
from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.errors import ValidationException
from async_endpoint.cloudwatch.members import Members

__all__ = ["Breach", "Policy", "Step", "StepScalingPolicy", "TargetTrackingPolicy", "policy_from_members"]

Policy = StepScalingPolicy | TargetTrackingPolicy

_CONFIGURATIONS = {
    StepScalingPolicy.policy_type: "StepScalingPolicyConfiguration",
    TargetTrackingPolicy.policy_type: "TargetTrackingScalingPolicyConfiguration",
}
_PREDICTIVE = "PredictiveScaling"
# In the order in which AWS lists them.
_TYPES = (_PREDICTIVE, *_CONFIGURATIONS)


def policy_from_members(request: Members, target: TargetKey, known: Policy | None = None) -> Policy:
    """Build the policy that PutScalingPolicy's members describe.

    Where PolicyType is absent, it is that of the known policy, which the request changes, or StepScaling.

    Raises:
        ValidationException: the type is unknown or another than the known policy's, its configuration is missing, or
            the configuration is wrong.
        LimitExceededException: a step policy has more steps than it can have.
    """
    before = None if known is None else known.policy_type
    kind = members.one_of(request, "PolicyType", _TYPES, default=before or StepScalingPolicy.policy_type)
    if kind == _PREDICTIVE:
        raise ValidationException(
            f"The local AWS does not evaluate {_PREDICTIVE} policies: take {' or '.join(_CONFIGURATIONS)}."
        )
    if before not in {None, kind}:
        raise ValidationException(
            "You cannot change a TargetTrackingScaling policy to a non TargetTrackingScaling policy, or vice versa."
        )
    configuration = members.optional_structure(request, _CONFIGURATIONS[kind])
    if configuration is None:
        raise ValidationException(f"{_CONFIGURATIONS[kind]} must be specified for a policy of type {kind}.")
    if kind == StepScalingPolicy.policy_type:
        return StepScalingPolicy.from_properties(configuration)
    return TargetTrackingPolicy.from_properties(configuration, target)


def describe_configuration(policy: Policy) -> dict[str, object]:
    """Return the policy's type and configuration as members of a ScalingPolicy."""
    return {"PolicyType": policy.policy_type, _CONFIGURATIONS[policy.policy_type]: policy.describe()}
