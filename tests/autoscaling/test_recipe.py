"""The documented recipe end to end: wakes from zero by a step policy, follows the backlog by target tracking."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from async_endpoint.cloudwatch import Delayed, DelayRange, MetricKey, Publisher
from tests.autoscaling.fleet import LOAD, PER_INSTANCE, RESOURCE, TARGET, WAITING, Fleet

Publish = Callable[[float], Iterator[tuple[MetricKey, float]]]


def sagemaker(fleet: Fleet, backlog: Callable[[float], int], *, counts_at_zero: bool = True) -> Publish:
    """Publish what an endpoint publishes; whether the backlog has a value per instance at zero is an open question."""

    def publish(now: float) -> Iterator[tuple[MetricKey, float]]:
        waiting, running = backlog(now), fleet.endpoint.count
        yield WAITING, float(waiting > 0 and running == 0)
        if running or counts_at_zero:
            yield PER_INSTANCE, waiting / max(running, 1)

    return publish


@pytest.mark.parametrize("second", range(60))
def test_a_backlog_wakes_a_sleeping_endpoint_between_120_and_180_seconds_after_it_appears(second: int) -> None:
    fleet = Fleet()
    fleet.recipe()
    appears = 600 + second
    fleet.run(appears + 181, sagemaker(fleet, lambda now: int(now >= appears)))
    at, count = fleet.endpoint.changes[0]
    # The minute in which the backlog appears counts only if it was there from the minute's first second.
    assert at - appears == (120 if second == 0 else 180 - second)
    assert 120 <= at - appears < 180
    assert count == 1
    assert len(fleet.endpoint.changes) == 1
    assert fleet.scaler.activities()[0]["Cause"] == "monitor alarm has-backlog in state ALARM triggered policy wake"


def test_without_the_alarm_nothing_wakes_it() -> None:
    fleet = Fleet()
    fleet.recipe()
    fleet.scaler.delete_alarms(["has-backlog"])
    fleet.run(3_600, sagemaker(fleet, lambda _: 3, counts_at_zero=False), every=10)
    assert fleet.endpoint.changes == []


def test_a_burst_wakes_one_instance_and_grows_it_to_four() -> None:
    fleet = Fleet()
    fleet.recipe()
    fleet.run(1_200, sagemaker(fleet, lambda now: 20 if now >= 60 else 0, counts_at_zero=False), every=10)
    # One instance after two minutes of waiting; then three minutes above the target of 5 make ceil(1 x 20 / 5).
    assert fleet.endpoint.changes == [(180, 1), (360, 4)]


def test_ten_thousand_requests_on_four_instances_go_the_way_that_paper_says() -> None:
    """Ten thousand requests at 600 s; an instance takes 240 s to start and a second for each request.

    By hand, from the documentation's rules:

    - 600-720: HasBacklogWithoutCapacity is 1 in two whole minutes, so its alarm goes off at 720: one instance, which
      serves from 960. The cooldown of 300 s begins there.
    - 960-1140: about 10,000 requests for each instance in three whole minutes, so AlarmHigh goes off at 1140 and wants
      ceil(1 x 9,900 / 5), the maximum of 4. The cooldown, which began from zero, lets a larger scale-out pass. The
      other three serve from 1380.
    - By 1380 one instance has done 420, the other 9,580 take four of them 2,395 s: the last ends at 3775.
    - The minute from 3720 still saw 27 requests for each instance on average. So the quarter of an hour below
      0.9 x 5 begins at 3780, and AlarmLow goes off at 4680: ceil(4 x 0 / 5), no instance.
    """
    fleet = Fleet(most=4, busy_for=240)
    fleet.recipe()
    left, serving, ended_at = 10_000.0, 0, 0.0

    def publish(now: float) -> Iterator[tuple[MetricKey, float]]:
        nonlocal left, serving, ended_at
        endpoint = fleet.endpoint
        if not endpoint.is_updating(RESOURCE):
            serving = endpoint.count
        backlog = left if now >= 600 else 0.0
        yield WAITING, float(backlog > 0 and serving == 0)
        if serving:
            yield PER_INSTANCE, backlog / serving
        if backlog and serving:
            left = max(0.0, left - serving)
            ended_at = now + 1

    fleet.run(5_000, publish)
    assert fleet.endpoint.changes == [(720, 1), (1_140, 4), (4_680, 0)]
    assert ended_at == 3_775


def test_a_backlog_that_counts_at_zero_lets_target_tracking_join_in() -> None:
    fleet = Fleet(most=3)
    fleet.recipe()
    fleet.run(1_200, sagemaker(fleet, lambda now: 20 if now >= 60 else 0), every=10)
    assert fleet.endpoint.changes == [(180, 1), (240, 3)]


def test_target_tracking_takes_fifteen_minutes_to_send_an_idle_endpoint_to_sleep() -> None:
    fleet = Fleet(count=2)
    fleet.recipe()
    fleet.run(2_400, sagemaker(fleet, lambda now: 10 if now < 600 else 0), every=10)
    assert fleet.endpoint.changes == [(600 + 15 * 60, 0)]
    low = next(alarm for alarm in fleet.scaler.alarms() if "AlarmLow" in str(alarm["AlarmName"]))
    assert low["StateTransitionedTimestamp"] == fleet.clock.now() - fleet.since_start + 1_500


def test_an_old_alarm_low_does_not_take_away_the_instance_that_has_just_woken() -> None:
    fleet = Fleet(count=1)
    fleet.recipe()
    idle_until = 840  # a minute before the idle instance would be sent to sleep

    def publish(now: float) -> Iterator[tuple[MetricKey, float]]:
        if now < idle_until:
            yield PER_INSTANCE, 0.0
        else:
            yield WAITING, float(fleet.endpoint.count == 0)

    fleet.run(idle_until, publish)
    fleet.endpoint.count = 0  # by hand, and then a request comes
    fleet.run(600, publish)
    assert any(new == "ALARM" for _, name, _, new in fleet.transitions if "AlarmLow" in name)
    assert [count for _, count in fleet.endpoint.changes] == [1]


def late(seconds: float) -> Delayed:
    return Delayed(dict.fromkeys(Publisher, DelayRange(seconds, seconds)))


@pytest.mark.parametrize("seconds", [0, 60, 180])
def test_target_tracking_grows_and_shrinks_by_datapoints_that_are_late(seconds: float) -> None:
    fleet = Fleet(count=1, delivery=late(seconds))
    fleet.recipe()
    fleet.run(3_600, sagemaker(fleet, lambda now: 20 if 60 <= now < 600 else 0), every=10)
    assert [count for _, count in fleet.endpoint.changes] == [4, 0]


def test_a_late_alarm_low_does_not_take_away_the_instance_that_has_just_woken() -> None:
    fleet = Fleet(count=1, delivery=late(180), busy_for=120)
    fleet.recipe()

    def publish(_: float) -> Iterator[tuple[MetricKey, float]]:
        if fleet.endpoint.running(RESOURCE):
            yield PER_INSTANCE, 5.0 if len(fleet.endpoint.changes) > 1 else 0.0
        # A request comes right after the endpoint went to sleep.
        yield WAITING, float(fleet.endpoint.running(RESOURCE) == 0 and len(fleet.endpoint.changes) == 1)

    fleet.run(1_900, publish, every=10)
    assert [count for _, count in fleet.endpoint.changes] == [0, 1]
    assert any(new == "ALARM" for _, name, _, new in fleet.transitions if "AlarmLow" in name)


def test_a_day_of_work_and_sleep_ends_at_zero_within_the_bounds() -> None:
    fleet = Fleet(most=4, busy_for=240)
    fleet.recipe()
    fleet.run(24 * 3_600, sagemaker(fleet, lambda now: 30 if now % 21_600 < 3_600 else 0), every=30)
    counts = [count for _, count in fleet.endpoint.changes]
    assert counts == [1, 4, 0] * 4


def validated(service: str, shape: str, value: dict[str, Any]) -> None:
    """Check a structure against AWS's own model: no unknown member, no wrong type, none missing."""
    model: Any = get_session().get_service_model(service)
    report = ParamValidator().validate(value, model.shape_for(shape))
    assert not report.has_errors(), report.generate_report()


def test_every_response_fits_awss_own_model() -> None:
    fleet = Fleet(least=1)
    fleet.recipe()
    fleet.step_policy(
        "many",
        [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 10}],
        AdjustmentType="PercentChangeInCapacity",
        MinAdjustmentMagnitude=1,
    )
    load = {"Metric": {"Namespace": "Tests", "MetricName": "Load"}, "Stat": "Sum", "Unit": "Count"}
    queries = [
        {"Id": "half", "Expression": "load / 2", "Label": "a half"},
        {"Id": "load", "MetricStat": load, "ReturnData": False},
    ]
    fleet.tracking_policy("half", CustomizedMetricSpecification={"Metrics": queries})
    fleet.alarm("plain", LOAD, AlarmDescription="says little", Unit="Count")
    fleet.minutes(1, None, 1)
    service, scaler = "application-autoscaling", fleet.scaler
    validated(
        service, "DescribeScalableTargetsResponse", scaler.describe_scalable_targets(ServiceNamespace="sagemaker")
    )
    validated(
        service, "DescribeScalingPoliciesResponse", scaler.describe_scaling_policies(ServiceNamespace="sagemaker")
    )
    activities = scaler.describe_scaling_activities(ServiceNamespace="sagemaker")
    validated(service, "DescribeScalingActivitiesResponse", activities)
    validated(
        service,
        "PutScalingPolicyResponse",
        scaler.put_scaling_policy(
            **TARGET,
            PolicyName="again",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 1,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            },
        ),
    )
    validated(
        service, "DescribeScalingPoliciesResponse", scaler.describe_scaling_policies(ServiceNamespace="sagemaker")
    )
    validated(service, "RegisterScalableTargetResponse", scaler.register_scalable_target(**TARGET))
    validated("cloudwatch", "DescribeAlarmsOutput", {"MetricAlarms": scaler.alarms()})
    assert len(scaler.alarms()) == 8
