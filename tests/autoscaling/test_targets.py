"""Scalable targets: how they are registered, and which requests are rejected."""

import pytest

from async_endpoint.autoscaling import ValidationException
from tests.autoscaling.fleet import RESOURCE, TARGET, Fleet


def test_an_update_of_a_target_keeps_what_it_leaves_out() -> None:
    fleet = Fleet(least=1, most=4)
    first = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    fleet.scaler.register_scalable_target(**TARGET, MaxCapacity=6, SuspendedState={"DynamicScalingInSuspended": True})
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ScalableTargetARN"] == first[0]["ScalableTargetARN"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 6)
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is True
    assert target["SuspendedState"]["DynamicScalingOutSuspended"] is False


def test_a_target_always_has_the_service_linked_role() -> None:
    fleet = Fleet()
    fleet.scaler.register_scalable_target(**TARGET, RoleARN="arn:aws:iam::000000000000:role/mine")
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["RoleARN"] == (
        "arn:aws:iam::000000000000:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        (
            {"ServiceNamespace": "ecs"},
            ValidationException,
            (
                "The local AWS scales the instance count of SageMaker endpoint variants alone: not service namespace: "
                f"ecs, resource ID: {RESOURCE}, scalable dimension: sagemaker:variant:DesiredInstanceCount"
            ),
        ),
        ({"ResourceId": "endpoint/reader"}, ValidationException, "variants alone: .*, resource ID: endpoint/reader, "),
        (
            {"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"},
            ValidationException,
            "variants alone: .*, scalable dimension: sagemaker:variant:DesiredProvisionedConcurrency",
        ),
        ({"ResourceId": "endpoint/x/variant/y"}, ValidationException, "Could not find endpoint"),
        ({"MinCapacity": 6}, ValidationException, r"Maximum capacity \(5\) cannot be less than minimum capacity \(6\)"),
        ({"MinCapacity": -1}, ValidationException, "MinCapacity must be 0 or more, not -1."),
    ],
)
def test_an_invalid_target_is_rejected(changes: dict[str, object], error: type[Exception], sentence: str) -> None:
    fleet = Fleet()
    request = TARGET | {"MinCapacity": 0, "MaxCapacity": 5} | changes
    with pytest.raises(error, match=sentence):
        fleet.scaler.register_scalable_target(**request)


def test_a_new_target_needs_both_bounds() -> None:
    fleet = Fleet()
    fleet.scaler.deregister_scalable_target(**TARGET)
    with pytest.raises(ValidationException, match="must be specified for a new scalable target"):
        fleet.scaler.register_scalable_target(**TARGET, MinCapacity=0)
