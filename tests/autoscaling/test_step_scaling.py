"""Step scaling: which step a metric falls into, and which capacity follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.autoscaling import StepScalingPolicy, ValidationException
from async_endpoint.autoscaling.policies import Breach
from tests.autoscaling.fleet import step


def policy_of(*steps: dict[str, object], kind: str = "ChangeInCapacity", **members: object) -> StepScalingPolicy:
    return StepScalingPolicy.from_members({"AdjustmentType": kind, "StepAdjustments": list(steps)} | members)


def above(*values: float, threshold: float = 60) -> Breach:
    return Breach(values, threshold, breaches_above=True)


def below(*values: float, threshold: float = 40) -> Breach:
    return Breach(values, threshold, breaches_above=False)


def test_above_a_threshold_the_lower_bound_belongs_to_the_step_and_the_upper_does_not() -> None:
    policy = policy_of(step(1, 0, 10), step(2, 10, 20), step(3, 20))
    found = [policy.desired_capacity(10, above(metric)) for metric in (60, 69.9, 70, 79.9, 80, 1000)]
    assert found == [11, 11, 12, 12, 13, 13]
    assert policy.desired_capacity(10, above(59.9)) is None


def test_below_a_threshold_it_is_the_other_way_round() -> None:
    policy = policy_of(step(-1, -10, 0), step(-2, -20, -10), step(-3, None, -20))
    found = [policy.desired_capacity(10, below(metric)) for metric in (40, 30.1, 30, 20.1, 20, 0)]
    assert found == [9, 9, 8, 8, 7, 7]
    assert policy.desired_capacity(10, below(40.1)) is None


@pytest.mark.parametrize(
    ("capacity", "percent", "expected"),
    [(10, 10, 11), (10, 4, 11), (10, 67, 16), (15, 45, 21), (10, -4, 9), (15, -45, 9), (0, 50, 0), (1, -100, 0)],
)
def test_a_percentage_is_rounded_towards_zero_but_never_away(capacity: int, percent: int, expected: int) -> None:
    policy = policy_of(step(percent, 0), kind="PercentChangeInCapacity")
    assert policy.desired_capacity(capacity, above(60)) == expected


def test_a_percentage_changes_at_least_by_the_minimum_magnitude() -> None:
    out = policy_of(step(25, 0), kind="PercentChangeInCapacity", MinAdjustmentMagnitude=2)
    into = policy_of(step(-25, 0), kind="PercentChangeInCapacity", MinAdjustmentMagnitude=2)
    assert [out.desired_capacity(capacity, above(60)) for capacity in (0, 4, 20)] == [2, 6, 25]
    assert [into.desired_capacity(capacity, above(60)) for capacity in (1, 4, 20)] == [0, 2, 15]


def test_an_exact_capacity_is_taken_as_it_is() -> None:
    policy = policy_of(step(7, 0), kind="ExactCapacity")
    assert [policy.desired_capacity(capacity, above(60)) for capacity in (0, 7, 9)] == [7, 7, 7]


@pytest.mark.parametrize(("kind", "expected"), [("Minimum", 1), ("Average", 2), ("Maximum", 3)])
def test_the_metric_is_the_aggregate_of_the_datapoints(kind: str, expected: int) -> None:
    policy = policy_of(step(1, 0, 10), step(2, 10, 20), step(3, 20), MetricAggregationType=kind)
    assert policy.desired_capacity(0, above(61, 75, 85)) == expected


def test_an_alarm_that_missing_data_decided_asks_for_nothing() -> None:
    assert policy_of(step(1, 0)).desired_capacity(0, above()) is None


def test_defaults_are_those_of_sagemaker() -> None:
    policy = policy_of(step(1, 0))
    assert [policy.cooldown_after(outwards=outwards) for outwards in (True, False)] == [300, 300]
    assert policy_of(step(1, 0), Cooldown=0).cooldown_after(outwards=True) == 0
    assert policy_of(step(1, 0, 10), step(2, 10)).desired_capacity(0, above(61, 75, 85)) == 2  # the average


def test_a_policy_is_described_with_the_members_that_were_given() -> None:
    assert policy_of(step(1, 0)).describe() == {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"ScalingAdjustment": 1, "MetricIntervalLowerBound": 0.0}],
    }
    stepping: dict[str, object] = {"Cooldown": 300, "MetricAggregationType": "Average", "MinAdjustmentMagnitude": 2}
    assert policy_of(step(1, 0), kind="ExactCapacity", **stepping).describe().items() >= stepping.items()


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([], "At least one step adjustment"),
        ([step(1)], "can't both be null"),
        ([step(1, 10, 10)], "lower bound .* must be less than its upper bound"),
        ([step(1, 0, 10), step(2, 5)], "can't overlap"),
        ([step(1, 0, 10), step(2, 10, 20), step(3, 10)], "can't overlap"),
        ([step(1, 0, 10), step(2, 20)], "can't have gaps"),
        ([step(-1, -10, 0)], "unspecified lower bound"),
        ([step(1, 0, 10)], "unspecified upper bound"),
        ([step(1, None, 0), step(2, None, 0)], "can't overlap"),
    ],
)
def test_steps_that_overlap_or_leave_a_gap_are_rejected(steps: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        policy_of(*steps)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"Cooldown": -1}, "Cooldown must be 0 or more, not -1."),
        ({"MinAdjustmentMagnitude": 0}, "MinAdjustmentMagnitude must be 1 or more, not 0."),
    ],
)
def test_an_invalid_step_policy_is_rejected(members: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        StepScalingPolicy.from_members(
            {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step(1, 0)]} | members
        )


def test_a_step_policy_needs_an_adjustment_type() -> None:
    with pytest.raises(ValidationException, match="AdjustmentType must be specified"):
        StepScalingPolicy.from_members({"StepAdjustments": [step(1, 0)]})


def test_an_exact_capacity_below_zero_is_rejected() -> None:
    with pytest.raises(ValidationException, match="must not be negative"):
        policy_of(step(-1, 0), kind="ExactCapacity")


@given(
    cuts=st.lists(st.integers(0, 100), min_size=1, max_size=6, unique=True),
    metric=st.floats(0, 200, allow_nan=False),
)
def test_every_metric_above_the_threshold_falls_into_exactly_one_step(cuts: list[int], metric: float) -> None:
    bounds = [0, *sorted(cut + 1 for cut in cuts)]
    steps = [step(n, low, high) for n, (low, high) in enumerate(zip(bounds, [*bounds[1:], None], strict=True), start=1)]
    policy = policy_of(*steps)
    holding = [one for one in policy.steps if one.contains(metric, breaches_above=True)]
    assert len(holding) == 1
    assert holding[0].adjustment == sum(bound <= metric for bound in bounds)
