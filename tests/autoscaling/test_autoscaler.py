from functools import partial

import pytest

from async_endpoint.autoscaling import is_policy_arn
from async_endpoint.cloudwatch import (
    InvalidNextTokenException,
    MetricAlarm,
    MetricKey,
    ObjectNotFoundException,
    ValidationException,
)
from tests.autoscaling.fleet import DIMENSIONS, LOAD, PER_INSTANCE, RESOURCE, START, TARGET, Fleet

OTHER = MetricKey.from_dimensions("Tests", "Other")
LOAD_SPECIFICATION = {"Namespace": LOAD.namespace, "MetricName": LOAD.name, "Statistic": "Average"}


def test_registering_brings_the_count_within_the_bounds() -> None:
    below, above = Fleet(count=0, least=2, most=4), Fleet(count=9, least=2, most=4)
    assert (below.endpoint.count, above.endpoint.count) == (2, 4)
    assert [fleet.scaler.activities()[0]["Cause"] for fleet in (below, above)] == [
        "minimum capacity was set to 2",
        "maximum capacity was set to 4",
    ]


def test_bounds_wait_for_an_endpoint_that_is_updating() -> None:
    fleet = Fleet(count=1)
    fleet.endpoint.busy_until = START + 90
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=3)
    assert fleet.endpoint.changes == []
    fleet.clock.advance(90)
    fleet.scaler.tick()
    assert fleet.endpoint.changes == [(90, 3)]


def test_a_manual_change_out_of_the_bounds_is_left_alone() -> None:
    fleet = Fleet(count=1, least=1)
    fleet.endpoint.count = 0
    fleet.minutes(1, 1, 1)
    assert fleet.endpoint.changes == []


def test_an_update_of_a_target_keeps_what_it_leaves_out() -> None:
    fleet = Fleet(least=1, most=4)
    first = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    fleet.scaler.register_scalable_target(
        **TARGET, MaxCapacity="6", SuspendedState={"DynamicScalingInSuspended": "true"}
    )
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ScalableTargetARN"] == first[0]["ScalableTargetARN"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 6)
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is True
    assert target["SuspendedState"]["DynamicScalingOutSuspended"] is False


def test_an_alarm_scales_at_the_next_full_minute_and_again_each_minute_it_lasts() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1, 1, 1, 0, 0)
    assert fleet.endpoint.changes == [(60, 2), (120, 3), (180, 4)]
    assert fleet.transitions == [(60, "busy", "INSUFFICIENT_DATA", "ALARM"), (240, "busy", "ALARM", "OK")]


def test_an_activity_is_told_as_aws_tells_it() -> None:
    fleet = Fleet(busy_for=150)
    fleet.alarm("busy", LOAD, fleet.step_policy("wake"))
    fleet.minutes(1)
    (activity,) = fleet.scaler.activities()
    assert activity["Description"] == "Setting desired instance count to 1."
    assert activity["Cause"] == "monitor alarm busy in state ALARM triggered policy wake"
    assert (activity["StatusCode"], activity["StartTime"]) == ("InProgress", START + 60)
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 1. Waiting for change to be fulfilled by sagemaker."
    )
    assert "EndTime" not in activity
    fleet.minutes(0, 0, 0)
    (activity,) = fleet.scaler.activities()
    assert (activity["StatusCode"], activity["EndTime"]) == ("Successful", START + 240)
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 1. Change successfully fulfilled by sagemaker."
    )


def test_a_refused_change_is_a_failed_activity_and_starts_no_cooldown() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD, fleet.step_policy())
    fleet.endpoint.refusal = "The account-level service limit is 0 Instances."
    fleet.minutes(1)
    fleet.endpoint.refusal = None
    fleet.minutes(1)
    newest, oldest = fleet.scaler.activities()
    assert oldest["StatusCode"] == "Failed"
    assert oldest["StatusMessage"] == (
        "Failed to set desired instance count to 1. Reason: The account-level service limit is 0 Instances."
    )
    assert newest["StatusCode"] == "Successful"
    assert fleet.endpoint.changes == [(120, 1)]


def test_nothing_scales_while_the_endpoint_is_updating() -> None:
    fleet = Fleet(busy_for=170)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1, 1, 1, 1, 1)
    assert fleet.endpoint.changes == [(60, 1), (240, 2)]


def test_a_cooldown_begins_when_the_change_is_complete() -> None:
    fleet = Fleet(busy_for=120)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=120))
    fleet.minutes(*[1.0] * 8)
    assert fleet.endpoint.changes == [(60, 1), (300, 2)]


def test_in_a_scale_out_cooldown_only_a_larger_scale_out_passes_less_what_was_added() -> None:
    fleet = Fleet(count=2, most=20)
    steps: list[dict[str, object]] = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 3},
    ]
    fleet.alarm("busy", LOAD, fleet.step_policy(steps=steps))
    fleet.minutes(1, 1, 50, 50, 50)
    assert fleet.endpoint.changes == [(60, 4), (180, 5)]
    fleet.minutes(50, 50, 50)
    assert fleet.endpoint.changes == [(60, 4), (180, 5), (480, 8)]


def scaling_both_ways(count: int) -> Fleet:
    """A fleet that LOAD scales out by one and OTHER scales in by one, each with a cooldown of five minutes."""
    fleet = Fleet(count=count)
    fleet.alarm("busy", LOAD, fleet.step_policy("out"))
    fewer: list[dict[str, object]] = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}]
    fleet.alarm("idle", OTHER, fleet.step_policy("in", fewer))
    return fleet


def both(fleet: Fleet, *minutes: tuple[int, int]) -> None:
    for load, other in minutes:
        fleet.metrics.put(OTHER, other, fleet.clock.now())
        fleet.minutes(load)


def test_a_scale_in_cooldown_blocks_the_next_scale_in() -> None:
    fleet = scaling_both_ways(4)
    both(fleet, *[(0, 1)] * 7)
    assert fleet.endpoint.changes == [(60, 3), (360, 2)]


def test_a_scale_out_passes_and_ends_a_scale_in_cooldown() -> None:
    fleet = scaling_both_ways(4)
    both(fleet, (0, 1), (1, 0), (0, 1))
    assert fleet.endpoint.changes == [(60, 3), (120, 4), (180, 3)]


def test_the_largest_capacity_wins() -> None:
    fleet = scaling_both_ways(2)
    both(fleet, (1, 1))
    assert fleet.endpoint.changes == [(60, 3)]
    assert fleet.scaler.activities()[0]["Cause"] == "monitor alarm busy in state ALARM triggered policy out"


def test_two_step_policies_do_not_add_up() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy("one"))
    more: list[dict[str, object]] = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}]
    fleet.alarm("very-busy", LOAD, fleet.step_policy("two", more))
    fleet.minutes(1)
    assert fleet.endpoint.changes == [(60, 3)]


def test_target_tracking_scales_in_only_when_all_agree() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy("one", key=LOAD)
    fleet.tracking_policy("two", key=OTHER)
    for _ in range(20):
        fleet.metrics.put(OTHER, 4.9, fleet.clock.now())
        fleet.minutes(0)
    assert fleet.endpoint.changes == []
    for _ in range(15):
        fleet.metrics.put(OTHER, 2.5, fleet.clock.now())
        fleet.minutes(0)
    assert fleet.endpoint.changes == [(35 * 60, 2)]


def test_a_policy_without_scale_in_need_not_agree() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy("one", key=LOAD)
    fleet.tracking_policy("two", key=OTHER, DisableScaleIn=True)
    both(fleet, *[(0, 5)] * 15)
    assert fleet.endpoint.changes == [(15 * 60, 0)]


def test_a_step_scale_in_is_not_blocked_by_target_tracking() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy(key=LOAD)
    fewer: list[dict[str, object]] = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}]
    fleet.alarm("idle", OTHER, fleet.step_policy("in", fewer))
    both(fleet, (5, 1))
    assert fleet.endpoint.changes == [(60, 3)]


def test_scaling_in_without_disabled_scale_in_would_have_shrunk() -> None:
    shrinking, holding = Fleet(count=4), Fleet(count=4)
    shrinking.tracking_policy(key=LOAD)
    holding.tracking_policy(key=LOAD, DisableScaleIn="true")
    for fleet in (shrinking, holding):
        fleet.minutes(*[0.0] * 30)
    assert (shrinking.endpoint.count, holding.endpoint.count) == (0, 4)


@pytest.mark.parametrize(
    ("suspended", "changes"),
    [("DynamicScalingOutSuspended", [(120, 1)]), ("DynamicScalingInSuspended", [(60, 3)])],
)
def test_suspended_scaling_does_nothing_in_its_direction(suspended: str, changes: list[tuple[int, int]]) -> None:
    fleet = scaling_both_ways(2)
    fleet.scaler.register_scalable_target(**TARGET, SuspendedState={suspended: True})
    both(fleet, (1, 0), (0, 1))
    assert fleet.endpoint.changes == changes


def test_an_alarm_whose_actions_are_switched_off_scales_nothing() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD, fleet.step_policy(), ActionsEnabled=False)
    fleet.minutes(1, 1)
    assert fleet.described("busy")["StateValue"] == "ALARM"
    assert fleet.endpoint.changes == []


def test_a_long_pause_is_caught_up_minute_by_minute() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    for minute in range(4):
        fleet.metrics.put(LOAD, 1, START + minute * 60)
    fleet.clock.advance(3 * 60 + 59)
    fleet.scaler.tick()
    assert fleet.endpoint.count == 4
    assert [activity["StartTime"] for activity in fleet.scaler.activities()] == [START + 180, START + 120, START + 60]
    fleet.scaler.tick()
    assert fleet.endpoint.count == 4


def test_an_alarm_is_not_evaluated_for_minutes_before_it_was_set_up() -> None:
    fleet = Fleet()
    fleet.metrics.put(LOAD, 1, START)
    fleet.clock.advance(150)
    fleet.alarm("busy", LOAD, fleet.step_policy())
    fleet.scaler.tick()
    assert fleet.described("busy")["StateReason"] == "Unchecked: Initial alarm creation"
    fleet.minutes(1)
    assert fleet.described("busy")["StateUpdatedTimestamp"] == START + 180


def test_an_alarm_begins_with_insufficient_data_and_keeps_its_state_when_it_is_put_again() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD)
    assert fleet.described("busy")["StateValue"] == "INSUFFICIENT_DATA"
    fleet.minutes(1)
    fleet.alarm("busy", LOAD, Threshold=7)
    alarm = fleet.described("busy")
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 7.0)
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:busy"
    fleet.scaler.delete_alarms(["busy", "unknown"])
    assert fleet.scaler.alarms() == []


def test_deleting_a_policy_takes_its_alarms_and_its_action_along() -> None:
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


def test_a_policy_that_is_changed_keeps_its_type_where_none_is_given() -> None:
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


def test_a_target_has_the_service_linked_role_whatever_was_given() -> None:
    fleet = Fleet()
    fleet.scaler.register_scalable_target(**TARGET, RoleARN="arn:aws:iam::000000000000:role/mine")
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["RoleARN"] == (
        "arn:aws:iam::000000000000:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )


def test_deregistering_takes_policies_and_their_alarms_along() -> None:
    fleet = Fleet()
    fleet.tracking_policy()
    fleet.scaler.deregister_scalable_target(**TARGET)
    assert fleet.scaler.alarms() == []
    assert fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker") == {"ScalingPolicies": []}
    with pytest.raises(ObjectNotFoundException) as refused:
        fleet.scaler.deregister_scalable_target(**TARGET)
    assert str(refused.value) == (
        "No scalable target registered for service namespace: sagemaker, resource ID: endpoint/reader/variant/main, "
        "scalable dimension: sagemaker:variant:DesiredInstanceCount"
    )
    assert refused.value.code == "ObjectNotFoundException"


def test_an_endpoint_that_is_gone_stops_nothing() -> None:
    fleet = Fleet(busy_for=60)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1)
    fleet.endpoint.exists = False
    fleet.minutes(1, 1)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "Failed"


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


def test_answers_come_in_pages() -> None:
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
def test_a_token_that_no_answer_gave_is_refused(token: str) -> None:
    scaler = Fleet().scaler
    for describe in (
        scaler.describe_scalable_targets,
        scaler.describe_scaling_policies,
        scaler.describe_scheduled_actions,
        scaler.describe_scaling_activities,
    ):
        with pytest.raises(InvalidNextTokenException, match="NextToken") as refused:
            describe(ServiceNamespace="sagemaker", NextToken=token)
        assert refused.value.code == "InvalidNextTokenException"


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
        ({"ScalableDimension": None}, ValidationException, "'scalableDimension'"),
        ({"ResourceId": "endpoint/x/variant/y"}, ValidationException, "Could not find endpoint"),
        ({"MinCapacity": 6}, ValidationException, r"Maximum capacity \(5\) cannot be less than minimum capacity \(6\)"),
        ({"MinCapacity": -1}, ValidationException, "greater than or equal to 0"),
        ({"SuspendedState": "all"}, ValidationException, "Member must be a structure"),
    ],
)
def test_a_wrong_target_is_refused(changes: dict[str, object], error: type[Exception], sentence: str) -> None:
    fleet = Fleet()
    request = TARGET | {"MinCapacity": 0, "MaxCapacity": 5} | changes
    with pytest.raises(error, match=sentence):
        fleet.scaler.register_scalable_target(**request)


def test_a_new_target_needs_both_bounds() -> None:
    fleet = Fleet()
    fleet.scaler.deregister_scalable_target(**TARGET)
    with pytest.raises(ValidationException, match="must be specified for a new scalable target"):
        fleet.scaler.register_scalable_target(**TARGET, MinCapacity=0)


@pytest.mark.parametrize(
    ("members", "error", "sentence"),
    [
        ({"PolicyName": None}, ValidationException, "'policyName'"),
        (
            {"PolicyType": "SimpleScaling"},
            ValidationException,
            r"enum value set: \[PredictiveScaling, StepScaling, TargetTrackingScaling\]",
        ),
        (
            {"PolicyType": "PredictiveScaling"},
            ValidationException,
            "The local AWS does not evaluate PredictiveScaling policies: take StepScaling or TargetTrackingScaling.",
        ),
        ({"PolicyType": "TargetTrackingScaling"}, ValidationException, "must be specified for a policy of type"),
        ({"ResourceId": "endpoint/x/variant/y"}, ObjectNotFoundException, "No scalable target registered for service"),
    ],
)
def test_a_wrong_policy_is_refused(members: dict[str, object], error: type[Exception], sentence: str) -> None:
    request = TARGET | {"PolicyName": "p"} | members
    with pytest.raises(error, match=sentence):
        Fleet().scaler.put_scaling_policy(**request)


def test_an_unknown_policy_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundException, match=r"No scaling policy found for .*, policy name: nobody"):
        Fleet().scaler.delete_scaling_policy(**TARGET, PolicyName="nobody")


def test_a_describe_selects_by_resource_and_refuses_a_dimension_alone() -> None:
    scaler = Fleet(count=0, least=1).scaler
    assert len(scaler.activities()) == 1
    assert scaler.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=RESOURCE) == {
        "ScalingActivities": scaler.activities()
    }
    assert scaler.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId="x") == {"ScalingActivities": []}
    assert scaler.describe_scalable_targets(ServiceNamespace="ecs") == {"ScalableTargets": []}
    with pytest.raises(ValidationException, match="resource ID must be specified along with"):
        scaler.describe_scalable_targets(ServiceNamespace="sagemaker", ScalableDimension=TARGET["ScalableDimension"])


def test_the_same_run_gives_the_same_names() -> None:
    runs = []
    for _ in range(2):
        fleet = Fleet()
        fleet.recipe()
        fleet.minutes(*[9.0] * 5, key=PER_INSTANCE)
        runs.append((fleet.scaler.alarms(), fleet.scaler.activities()))
    assert runs[0] == runs[1]
    assert runs[0][1]


def test_the_callback_hears_every_change_of_state_with_its_reason() -> None:
    fleet = Fleet()
    fleet.scaler.put_alarm(
        MetricAlarm.from_properties(
            {
                "AlarmName": "plain",
                "Namespace": PER_INSTANCE.namespace,
                "MetricName": PER_INSTANCE.name,
                "Dimensions": DIMENSIONS,
                "Statistic": "Maximum",
                "Period": "60",
                "EvaluationPeriods": "1",
                "Threshold": "5",
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:topic"],
            }
        )
    )
    fleet.minutes(6, 6, 6, key=PER_INSTANCE)
    assert fleet.transitions == [(60, "plain", "INSUFFICIENT_DATA", "ALARM")]
    assert fleet.reasons == [
        "Threshold Crossed: 1 datapoint [6.0 (15/01/27 08:00:00)] was greater than the threshold (5.0)."
    ]
