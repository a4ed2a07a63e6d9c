"""Scheduled actions: what they do to a target's bounds and count."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from async_endpoint.autoscaling import ObjectNotFoundException, ValidationException
from async_endpoint.cloudwatch.metric_key import MetricKey
from tests.autoscaling.fleet import LOAD, START, TARGET, Fleet
from tests.autoscaling.test_schedules import minute

# The fleet's clock starts on Friday, 15 January 2027, 08:00 UTC.
HOUR = 3600
CHANGED = ("Schedule", "Timezone", "ScalableTargetAction", "StartTime", "EndTime")


def put(fleet: Fleet, name: str, schedule: str, least: int, most: int = 5, **more: object) -> None:
    fleet.scaler.put_scheduled_action(
        **TARGET,
        ScheduledActionName=name,
        Schedule=schedule,
        ScalableTargetAction={"MinCapacity": least, "MaxCapacity": most},
        **more,
    )


def nothing(_: float) -> Iterator[tuple[MetricKey, float]]:
    yield from ()


def test_a_window_brings_instances_at_its_start_and_lets_them_go_at_its_end() -> None:
    fleet = Fleet()
    put(fleet, "office-start", "cron(0 18 ? * MON-FRI *)", 2, Timezone="Asia/Tokyo")  # 09:00 UTC
    put(fleet, "office-end", "cron(0 20 ? * MON-FRI *)", 0, Timezone="Asia/Tokyo")
    fleet.run(4 * HOUR, nothing, every=30)
    assert fleet.endpoint.changes == [(HOUR, 2)]  # a lower minimum ends nothing by itself
    (target,) = fleet.scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 5)
    ended, grown, started = fleet.scaler.activities()
    assert started["Cause"] == "scheduled action name office-start was triggered"
    assert grown["Cause"] == "minimum capacity was set to 2"
    assert ended["Cause"] == "scheduled action name office-end was triggered"


@pytest.mark.parametrize(
    ("bounds", "worded"),
    [
        ({"MinCapacity": 3, "MaxCapacity": 10}, "min capacity to 3 and max capacity to 10"),
        ({"MinCapacity": 0}, "min capacity to 0"),
        ({"MaxCapacity": 4}, "max capacity to 4"),
    ],
)
def test_an_action_that_is_carried_out_is_an_activity_of_its_own(bounds: dict[str, int], worded: str) -> None:
    fleet = Fleet(count=3)
    fleet.scaler.put_scheduled_action(
        **TARGET, ScheduledActionName="noon", Schedule="cron(30 8 ? * * *)", ScalableTargetAction=bounds
    )
    fleet.run(HOUR, nothing, every=60)
    (activity,) = fleet.scaler.activities()
    assert activity == TARGET | {
        "ActivityId": activity["ActivityId"],
        "Description": f"Setting {worded}",
        "Cause": "scheduled action name noon was triggered",
        "StartTime": START + 1800,
        "StatusCode": "Successful",
        "StatusMessage": f"Successfully set {worded}",
    }


def test_bounds_hold_for_policies_while_a_window_is_open() -> None:
    fleet = Fleet(count=3)
    put(fleet, "start", "cron(0 9 ? * * *)", 1)
    policy = fleet.step_policy(
        "sleep", [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 0}], AdjustmentType="ExactCapacity"
    )
    fleet.alarm("idle", LOAD, policy)
    fleet.run(HOUR + 60, nothing, every=60)
    fleet.minutes(1, 1)
    assert fleet.endpoint.count == 1


def test_a_suspended_schedule_does_nothing() -> None:
    fleet = Fleet()
    put(fleet, "start", "cron(30 8 ? * * *)", 2)
    fleet.scaler.register_scalable_target(**TARGET, SuspendedState={"ScheduledScalingSuspended": True})
    fleet.run(HOUR, nothing, every=60)
    assert fleet.endpoint.changes == []


def test_an_action_outside_its_own_times_is_not_due() -> None:
    fleet = Fleet()
    put(fleet, "later", "cron(0/10 * * * ? *)", 2, StartTime=minute("2027-01-15T08:35"))
    put(fleet, "over", "cron(0/10 * * * ? *)", 4, EndTime=minute("2027-01-15T07:00"))
    fleet.run(HOUR, nothing, every=60)
    assert fleet.endpoint.changes == [(40 * 60, 2)]


def test_bounds_that_cross_are_a_failed_activity() -> None:
    fleet = Fleet(most=2)
    fleet.scaler.put_scheduled_action(
        **TARGET, ScheduledActionName="up", Schedule="cron(30 8 ? * * *)", ScalableTargetAction={"MinCapacity": 3}
    )
    fleet.run(HOUR, nothing, every=60)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "Failed"
    assert activity["Description"] == "Setting min capacity to 3"
    assert activity["StatusMessage"] == (
        "Failed to set min capacity to 3. Reason: Maximum capacity (2) cannot be less than minimum capacity (3)"
    )
    assert activity["Cause"] == "scheduled action name up was triggered"


def test_actions_are_changed_described_and_deleted() -> None:
    fleet = Fleet()
    put(fleet, "start", "cron(0 9 ? * * *)", 1)
    fleet.scaler.put_scheduled_action(
        **TARGET, ScheduledActionName="start", ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3}
    )
    (shown,) = fleet.scaler.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert (shown["Schedule"], shown["Timezone"]) == ("cron(0 9 ? * * *)", "UTC")
    assert shown["ScalableTargetAction"] == {"MinCapacity": 2, "MaxCapacity": 3}
    assert ":scheduledAction:" in shown["ScheduledActionARN"]
    fleet.scaler.delete_scheduled_action(**TARGET, ScheduledActionName="start")
    assert fleet.scaler.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    with pytest.raises(ObjectNotFoundException, match="No scheduled action found"):
        fleet.scaler.delete_scheduled_action(**TARGET, ScheduledActionName="start")


def shown(fleet: Fleet) -> dict[str, Any]:
    (action,) = fleet.scaler.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    changed: dict[str, Any] = action
    return {name: changed.get(name) for name in CHANGED}


def test_an_update_changes_what_it_gives_and_deletes_times_that_it_leaves_out() -> None:
    fleet = Fleet()
    update = partial(fleet.scaler.put_scheduled_action, **TARGET, ScheduledActionName="start")
    times = {"StartTime": START, "EndTime": START + HOUR}
    put(fleet, "start", "cron(0 9 ? * * *)", 1, 5, Timezone="Asia/Tokyo", **times)
    first = dict(zip(CHANGED, ("cron(0 9 ? * * *)", "Asia/Tokyo", {"MinCapacity": 1, "MaxCapacity": 5}), strict=False))
    assert shown(fleet) == first | times
    update(Timezone="Europe/Vienna", EndTime=START)
    second = first | {"Timezone": "Europe/Vienna", "StartTime": None, "EndTime": START}
    assert shown(fleet) == second
    update(Schedule="cron(30 7 ? * * *)", StartTime=START)
    third = second | {"Schedule": "cron(30 7 ? * * *)", "StartTime": START, "EndTime": None}
    assert shown(fleet) == third
    update(ScalableTargetAction={"MaxCapacity": 3})
    assert shown(fleet) == third | {"ScalableTargetAction": {"MaxCapacity": 3}, "StartTime": None}


def test_another_time_zone_moves_the_old_schedule() -> None:
    fleet = Fleet()
    put(fleet, "start", "cron(0 18 ? * * *)", 2)
    fleet.scaler.put_scheduled_action(**TARGET, ScheduledActionName="start", Timezone="Asia/Tokyo")  # 09:00 UTC
    fleet.run(2 * HOUR, nothing, every=60)
    assert fleet.endpoint.changes == [(HOUR, 2)]


def test_actions_go_with_their_target() -> None:
    fleet = Fleet()
    put(fleet, "start", "cron(0 9 ? * * *)", 1)
    fleet.scaler.deregister_scalable_target(**TARGET)
    fleet.run(2 * HOUR, nothing, every=60)
    assert fleet.endpoint.changes == []


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "Schedule and ScalableTargetAction must be specified"),
        (
            {"Schedule": "cron(0 9 ? * * *)", "ScalableTargetAction": {"MaxCapacity": -1}},
            "MaxCapacity must be 0 or more, not -1.",
        ),
        ({"Schedule": "cron(0 9 ? * * *)", "ScalableTargetAction": {}}, "a MinCapacity or a MaxCapacity"),
        (
            {"Schedule": "cron(0 9 ? * * *)", "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 1}},
            r"Maximum capacity \(1\) cannot be less",
        ),
        (
            {
                "Schedule": "cron(0 9 ? * * *)",
                "ScalableTargetAction": {"MinCapacity": 2},
                "StartTime": 1_800_000_060,
                "EndTime": 1_800_000_000,
            },
            r"EndTime \(2027-01-15T08:00:00Z\) must not be before StartTime \(2027-01-15T08:01:00Z\)",
        ),
    ],
)
def test_an_invalid_action_is_rejected(members: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationException, match=why):
        Fleet().scaler.put_scheduled_action(**TARGET, ScheduledActionName="start", **members)
