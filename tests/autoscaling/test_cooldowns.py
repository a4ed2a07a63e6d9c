"""Cooldowns: when one begins, what it blocks and what passes."""

from tests.autoscaling.fleet import LOAD, Fleet, both, scaling_both_ways


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


def test_a_scale_in_cooldown_blocks_the_next_scale_in() -> None:
    fleet = scaling_both_ways(4)
    both(fleet, *[(0, 1)] * 7)
    assert fleet.endpoint.changes == [(60, 3), (360, 2)]


def test_a_scale_out_passes_and_ends_a_scale_in_cooldown() -> None:
    fleet = scaling_both_ways(4)
    both(fleet, (0, 1), (1, 0), (0, 1))
    assert fleet.endpoint.changes == [(60, 3), (120, 4), (180, 3)]
