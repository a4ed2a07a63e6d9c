"""Which change several policies make together."""

import pytest

from tests.autoscaling.fleet import LOAD, OTHER, TARGET, Fleet, both, scaling_both_ways


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
    holding.tracking_policy(key=LOAD, DisableScaleIn=True)
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
