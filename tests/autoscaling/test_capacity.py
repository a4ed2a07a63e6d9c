"""How a change of the instance count ends: as asked for, or not."""

import json

import pytest

from async_endpoint.autoscaling import AutoScaler
from tests.autoscaling.fleet import LOAD, RESOURCE, START, TARGET, Fleet

CAUSE = "minimum capacity was set to 2"
TROUBLE = "Unable to provision requested ML compute capacity."


def busy_fleet(cooldown: int = 300) -> Fleet:
    """A fleet of one instance whose alarm adds one, which takes two minutes."""
    fleet = Fleet(count=1, busy_for=110)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=cooldown))
    return fleet


def test_a_change_that_comes_to_nothing_is_a_failed_activity() -> None:
    fleet = busy_fleet()
    fleet.endpoint.trouble = TROUBLE
    fleet.minutes(1)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "InProgress"
    fleet.minutes(0, 0)
    (activity,) = fleet.scaler.activities()
    assert (activity["StatusCode"], activity["EndTime"]) == ("Failed", START + 180)
    assert activity["StatusMessage"] == f"Failed to set desired instance count to 2. Reason: {TROUBLE}"


def test_a_change_that_comes_to_nothing_starts_no_cooldown() -> None:
    fleet = busy_fleet()
    fleet.endpoint.trouble = TROUBLE
    fleet.minutes(1, 1, 1)
    assert fleet.endpoint.changes == [(60, 2), (180, 2)]


def short_fleet() -> Fleet:
    """A fleet of none whose alarm wakes one, for which SageMaker tries for half an hour in vain."""
    fleet = Fleet(count=0, busy_for=30 * 60 - 10)
    fleet.endpoint.is_short = True
    fleet.alarm("waiting", LOAD, fleet.step_policy(AdjustmentType="ExactCapacity"))
    return fleet


def test_a_change_that_is_given_up_without_a_reason_is_unfulfilled_and_keeps_its_message() -> None:
    fleet = short_fleet()
    waiting = "Successfully set desired instance count to 1. Waiting for change to be fulfilled by sagemaker."
    fleet.minutes(1)
    for _ in range(29):
        fleet.minutes(1)
        (activity,) = fleet.scaler.activities()
        assert (activity["StatusCode"], activity["StatusMessage"]) == ("InProgress", waiting)
        assert "EndTime" not in activity
    fleet.minutes(0)
    (activity,) = fleet.scaler.activities()
    assert (activity["StatusCode"], activity["StatusMessage"]) == ("Unfulfilled", waiting)
    assert (activity["StartTime"], activity["EndTime"]) == (START + 60, START + 31 * 60)


def test_scaling_asks_again_in_the_next_minute_and_wakes_once_there_is_capacity() -> None:
    fleet = short_fleet()
    fleet.minutes(*[1.0] * 31)
    assert fleet.endpoint.changes == [(60, 1), (31 * 60, 1)]  # the first change began no cooldown
    fleet.endpoint.is_short = False
    fleet.minutes(*[1.0] * 30)
    assert fleet.endpoint.changes == [(60, 1), (31 * 60, 1)]
    assert [activity["StatusCode"] for activity in fleet.scaler.activities()] == ["Successful", "Unfulfilled"]
    assert fleet.endpoint.running(RESOURCE) == 1


def test_a_change_that_part_of_the_instances_came_of_is_unfulfilled_too() -> None:
    fleet = Fleet(count=0, busy_for=110)
    fleet.alarm("busy", LOAD, fleet.step_policy(steps=[{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 3}]))
    fleet.minutes(1)
    fleet.endpoint.count = 2
    fleet.minutes(0, 0)
    assert [activity["StatusCode"] for activity in fleet.scaler.activities()] == ["Unfulfilled"]


def test_a_bound_that_is_given_up_without_a_reason_is_tried_again() -> None:
    fleet = Fleet(count=1, least=1, busy_for=50)
    fleet.endpoint.is_short = True
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=2)
    fleet.minutes(None, None)
    assert fleet.endpoint.changes == [(0, 2), (60, 2), (120, 2)]


def test_a_bound_that_comes_to_nothing_is_tried_again_each_minute_also_after_a_restart() -> None:
    fleet = Fleet(count=1, least=1)
    fleet.endpoint.trouble = TROUBLE
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=2)
    fleet.minutes(None, None)
    assert fleet.endpoint.changes == [(0, 2), (60, 2), (120, 2)]
    kept = json.loads(json.dumps(fleet.scaler.state()))
    fleet.endpoint.trouble = None
    fleet.endpoint.count = 1
    fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint)
    fleet.scaler.restore(kept)
    fleet.minutes(None, None, None)
    assert fleet.endpoint.changes[3:] == [(180, 2)]
    told = [(activity["StatusCode"], activity["Cause"]) for activity in fleet.scaler.activities()]
    assert told == [("Successful", CAUSE), *[("Failed", CAUSE)] * 3]


@pytest.mark.parametrize("late", [True, False])
def test_a_change_whose_instances_are_there_when_it_is_looked_at_is_successful(*, late: bool) -> None:
    fleet = busy_fleet()
    fleet.endpoint.trouble = TROUBLE if late else None
    fleet.minutes(1)
    fleet.endpoint.in_service = 2
    fleet.minutes(1, 1, 1)
    assert fleet.endpoint.changes == [(60, 2)]
    assert fleet.scaler.activities()[0]["StatusCode"] == "Successful"


def test_an_instance_that_is_lost_after_a_change_makes_no_failure_of_it() -> None:
    fleet = busy_fleet()
    fleet.minutes(1)
    fleet.endpoint.in_service = 1
    fleet.minutes(0, 0)
    assert fleet.scaler.activities()[0]["StatusCode"] == "Successful"


def test_a_change_blocks_others_until_its_end_has_been_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = busy_fleet(cooldown=0)
    fleet.clock.advance(10)
    fleet.set_off("busy", [1])
    # Its instances come up between two looks of one tick.
    updates = iter([True, False, False])
    with monkeypatch.context() as patched:
        patched.setattr(fleet.endpoint, "is_updating", lambda _: next(updates))
        fleet.minutes(1)
    fleet.minutes(0, 0)
    assert fleet.endpoint.changes == [(10, 2)]
    assert [activity["StatusCode"] for activity in fleet.scaler.activities()] == ["Successful"]


def test_bounds_that_are_set_after_a_change_do_not_wait_for_a_tick() -> None:
    fleet = busy_fleet()
    fleet.set_off("busy", [1])
    fleet.clock.advance(110)
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=4)
    assert fleet.endpoint.changes == [(0, 2), (110, 4)]
    assert fleet.scaler.activities()[1]["StatusCode"] == "Successful"


def test_deregistering_a_target_during_a_change_does_not_affect_others() -> None:
    fleet = Fleet(count=1, least=1, busy_for=110)
    fleet.endpoint.trouble = TROUBLE
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=2)
    fleet.scaler.deregister_scalable_target(**TARGET)
    assert fleet.scaler.state()["under_way"] == []  # after a restart there would be nothing to end
    fleet.minutes(None, None, None)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "Failed"
    assert fleet.scaler.state()["unchecked"] == []


def test_a_change_of_a_former_registration_begins_no_cooldown() -> None:
    fleet = busy_fleet()
    fleet.minutes(1)
    fleet.scaler.deregister_scalable_target(**TARGET)
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=4)
    fleet.minutes(0, 0)
    assert fleet.scaler.activities()[0]["StatusCode"] == "Successful"
    assert fleet.scaler.state()["cooldowns"] == []
