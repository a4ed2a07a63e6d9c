"""Scaling policies: created, changed, deleted and rejected."""

from functools import partial

import pytest

from async_endpoint.autoscaling import ObjectNotFoundException, ValidationException, is_policy_arn
from async_endpoint.cloudwatch import MetricKey
from tests.autoscaling.fleet import LOAD, TARGET, Fleet

LOAD_SPECIFICATION = {"Namespace": LOAD.namespace, "MetricName": LOAD.name, "Statistic": "Average"}


def test_deleting_a_policy_deletes_its_alarms_and_its_action() -> None:
    fleet = Fleet()
    step, tracking = fleet.step_policy(), fleet.tracking_policy()
    fleet.alarm("busy", LOAD, step)
    assert is_policy_arn(step)
    assert is_policy_arn(tracking)
    assert len(fleet.scaler.alarms()) == 3
    fleet.scaler.delete_scaling_policy(**TARGET, PolicyName="wake")
    fleet.scaler.delete_scaling_policy(**TARGET, PolicyName="track")
    assert [alarm["AlarmName"] for alarm in fleet.scaler.alarms()] == ["busy"]
    assert fleet.described("busy")["AlarmActions"] == []
    fleet.minutes(1, 1)
    assert fleet.endpoint.changes == []


def test_putting_a_policy_again_keeps_its_arn_and_its_alarms_names() -> None:
    fleet = Fleet()
    arn = fleet.tracking_policy(target=5)
    names = [alarm["AlarmName"] for alarm in fleet.scaler.alarms()]
    assert fleet.tracking_policy(target=50) == arn
    assert [alarm["AlarmName"] for alarm in fleet.scaler.alarms()] == names
    assert [alarm["Threshold"] for alarm in fleet.scaler.alarms()] == [50.0, 45.0]


def test_an_update_without_a_policy_type_keeps_the_type() -> None:
    fleet = Fleet()
    fleet.tracking_policy(target=5)
    configuration = {"TargetValue": 7, "CustomizedMetricSpecification": LOAD_SPECIFICATION}
    fleet.scaler.put_scaling_policy(
        **TARGET, PolicyName="track", TargetTrackingScalingPolicyConfiguration=configuration
    )
    (policy,) = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 7
    assert [alarm["Threshold"] for alarm in fleet.scaler.alarms()] == [7.0, 6.3]


def test_a_policy_never_changes_its_type() -> None:
    fleet = Fleet()
    fleet.tracking_policy("track")
    fleet.step_policy("step")
    for change in (partial(fleet.step_policy, "track"), partial(fleet.tracking_policy, "step")):
        with pytest.raises(
            ValidationException,
            match="You cannot change a TargetTrackingScaling policy to a non TargetTrackingScaling policy, or vice ver",
        ):
            change()
    assert len(fleet.scaler.alarms()) == 2


def test_a_target_has_one_tracking_policy_for_a_metric_specification() -> None:
    fleet = Fleet()
    key = MetricKey.from_dimensions("Tests", "Load", {"A": "1", "B": "2"})
    predefined = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    put_predefined = partial(
        fleet.scaler.put_scaling_policy,
        **TARGET,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 5, **predefined},
    )
    fleet.tracking_policy("one", key=key)
    put_predefined(PolicyName="two")
    turned = [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}]
    specification = {"Namespace": "Tests", "MetricName": "Load", "Dimensions": turned, "Statistic": "Average"}
    for again in (
        partial(fleet.tracking_policy, "three", 9, CustomizedMetricSpecification=specification),
        partial(put_predefined, PolicyName="three"),
    ):
        with pytest.raises(
            ValidationException,
            match="Only one TargetTrackingScaling policy for a given metric specification is allowed",
        ):
            again()
    fleet.tracking_policy("one", 9, key=key)
    put_predefined(PolicyName="two")
    fleet.tracking_policy("three", CustomizedMetricSpecification=specification | {"Statistic": "Maximum"})
    fleet.tracking_policy("four", CustomizedMetricSpecification=specification | {"Dimensions": turned[:1]})
    fleet.tracking_policy("five", CustomizedMetricSpecification=specification | {"Namespace": "Others"})
    fleet.tracking_policy("six", CustomizedMetricSpecification=specification | {"MetricName": "Others"})


def test_deregistering_deletes_policies_and_their_alarms() -> None:
    fleet = Fleet()
    fleet.tracking_policy()
    fleet.scaler.deregister_scalable_target(**TARGET)
    assert fleet.scaler.alarms() == []
    assert fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker") == {"ScalingPolicies": []}
    with pytest.raises(ObjectNotFoundException) as rejected:
        fleet.scaler.deregister_scalable_target(**TARGET)
    assert str(rejected.value) == (
        "No scalable target registered for service namespace: sagemaker, resource ID: endpoint/reader/variant/main, "
        "scalable dimension: sagemaker:variant:DesiredInstanceCount"
    )
    assert rejected.value.code == "ObjectNotFoundException"


def test_alarms_of_a_policy_are_described_with_it() -> None:
    fleet = Fleet()
    arn = fleet.step_policy()
    fleet.alarm("busy", LOAD, arn)
    answer = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["wake"])
    (policy,) = answer["ScalingPolicies"]
    assert policy["PolicyARN"] == arn
    assert policy["Alarms"] == [
        {"AlarmName": "busy", "AlarmARN": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:busy"}
    ]


@pytest.mark.parametrize(
    ("members", "error", "sentence"),
    [
        (
            {"PolicyType": "PredictiveScaling"},
            ValidationException,
            "The local AWS does not evaluate PredictiveScaling policies: take StepScaling or TargetTrackingScaling.",
        ),
        ({"PolicyType": "TargetTrackingScaling"}, ValidationException, "must be specified for a policy of type"),
        ({"ResourceId": "endpoint/x/variant/y"}, ObjectNotFoundException, "No scalable target registered for service"),
    ],
)
def test_an_invalid_policy_is_rejected(members: dict[str, object], error: type[Exception], sentence: str) -> None:
    request = TARGET | {"PolicyName": "p"} | members
    with pytest.raises(error, match=sentence):
        Fleet().scaler.put_scaling_policy(**request)


def test_an_unknown_policy_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundException, match=r"No scaling policy found for .*, policy name: nobody"):
        Fleet().scaler.delete_scaling_policy(**TARGET, PolicyName="nobody")
