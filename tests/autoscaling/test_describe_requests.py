"""The Describe operations: which targets a request selects, and pages."""

import pytest

from async_endpoint.autoscaling import InvalidNextTokenException, ValidationException
from tests.autoscaling.fleet import RESOURCE, TARGET, Fleet


def test_results_come_in_pages() -> None:
    fleet = Fleet()
    for name in ("a", "b", "c"):
        fleet.step_policy(name)
    first = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker", MaxResults=2)
    rest = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker", NextToken=first["NextToken"])
    pages = [first["ScalingPolicies"], rest["ScalingPolicies"]]
    assert [[policy["PolicyName"] for policy in page] for page in pages] == [["a", "b"], ["c"]]
    assert "NextToken" not in rest


@pytest.mark.parametrize("members", [{}, {"MaxResults": 10}, {"MaxResults": 51}])
def test_a_page_holds_ten_policies_at_most(members: dict[str, object]) -> None:
    fleet = Fleet()
    for number in range(11):
        fleet.step_policy(str(number))
    answer = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker", **members)
    assert (len(answer["ScalingPolicies"]), answer["NextToken"]) == (10, "10")


@pytest.mark.parametrize("members", [{}, {"MaxResults": 50}, {"MaxResults": 51}])
def test_a_page_holds_fifty_of_anything_else_at_most(members: dict[str, object]) -> None:
    fleet = Fleet(most=100)
    for number in range(51):
        fleet.scaler.put_scheduled_action(
            **TARGET,
            ScheduledActionName=str(number),
            Schedule="rate(1 day)",
            ScalableTargetAction={"MinCapacity": 0},
        )
        fleet.scaler.register_scalable_target(**TARGET, MinCapacity=number + 1)
    actions = fleet.scaler.describe_scheduled_actions(ServiceNamespace="sagemaker", **members)
    activities = fleet.scaler.describe_scaling_activities(ServiceNamespace="sagemaker", **members)
    assert (len(actions["ScheduledActions"]), actions["NextToken"]) == (50, "50")
    assert (len(activities["ScalingActivities"]), activities["NextToken"]) == (50, "50")


@pytest.mark.parametrize("token", ["", "x", "-1", "9" * 5000])
def test_a_token_that_no_response_contained_is_rejected(token: str) -> None:
    scaler = Fleet().scaler
    for describe in (
        scaler.describe_scalable_targets,
        scaler.describe_scaling_policies,
        scaler.describe_scheduled_actions,
        scaler.describe_scaling_activities,
    ):
        with pytest.raises(InvalidNextTokenException, match="NextToken") as rejected:
            describe(ServiceNamespace="sagemaker", NextToken=token)
        assert rejected.value.code == "InvalidNextTokenException"


def test_a_describe_selects_by_resource_and_rejects_a_dimension_alone() -> None:
    scaler = Fleet(count=0, least=1).scaler
    assert len(scaler.activities()) == 1
    assert scaler.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=RESOURCE) == {
        "ScalingActivities": scaler.activities()
    }
    assert scaler.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId="x") == {"ScalingActivities": []}
    assert scaler.describe_scalable_targets(ServiceNamespace="ecs") == {"ScalableTargets": []}
    with pytest.raises(ValidationException, match="resource ID must be specified along with"):
        scaler.describe_scalable_targets(ServiceNamespace="sagemaker", ScalableDimension=TARGET["ScalableDimension"])
