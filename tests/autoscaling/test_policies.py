import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.autoscaling import StepScalingPolicy, TargetTrackingPolicy
from async_endpoint.autoscaling.policies import Breach
from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.cloudwatch import StatisticQuery, ValidationException

KEY = TargetKey("reader", "main")


def step(adjustment: int, lower: float | None = None, upper: float | None = None) -> dict[str, object]:
    bounds = {"MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper}
    return {"ScalingAdjustment": adjustment} | {name: bound for name, bound in bounds.items() if bound is not None}


def policy_of(*steps: dict[str, object], kind: str = "ChangeInCapacity", **members: object) -> StepScalingPolicy:
    return StepScalingPolicy.from_properties({"AdjustmentType": kind, "StepAdjustments": list(steps)} | members)


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
    for policy in (policy_of(step(1, 0)), tracking_of()):
        assert [policy.cooldown_after(outwards=outwards) for outwards in (True, False)] == [300, 300]
    assert policy_of(step(1, 0), Cooldown=0).cooldown_after(outwards=True) == 0
    own = tracking_of(ScaleOutCooldown=0, ScaleInCooldown="60")
    assert [own.cooldown_after(outwards=outwards) for outwards in (True, False)] == [0, 60]
    assert policy_of(step(1, 0, 10), step(2, 10)).desired_capacity(0, above(61, 75, 85)) == 2  # the average


def test_a_policy_is_described_with_the_members_that_were_given() -> None:
    assert policy_of(step(1, 0)).describe() == {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"ScalingAdjustment": 1, "MetricIntervalLowerBound": 0.0}],
    }
    stepping: dict[str, object] = {"Cooldown": 300, "MetricAggregationType": "Average", "MinAdjustmentMagnitude": 2}
    assert policy_of(step(1, 0), kind="ExactCapacity", **stepping).describe().items() >= stepping.items()
    assert tracking_of().describe() == tracking_members()
    tracking: dict[str, object] = {"ScaleOutCooldown": 300, "ScaleInCooldown": 0, "DisableScaleIn": False}
    assert tracking_of(5, **tracking).describe() == tracking_members() | tracking


def test_steps_written_as_text_read_alike() -> None:
    written: dict[str, object] = {"ScalingAdjustment": "1", "MetricIntervalLowerBound": "0"}
    assert policy_of(written, Cooldown="120") == policy_of(step(1, 0), Cooldown=120)


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
def test_steps_that_overlap_or_leave_a_gap_are_refused(steps: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        policy_of(*steps)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"AdjustmentType": "Double"}, r"enum value set: \[ChangeInCapacity"),
        ({"AdjustmentType": None}, "Value null at 'adjustmentType'"),
        ({"Cooldown": -1}, "greater than or equal to 0"),
        ({"MetricAggregationType": "Sum"}, r"\[Average, Minimum, Maximum\]"),
        ({"MinAdjustmentMagnitude": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_step_policy_is_refused(members: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        StepScalingPolicy.from_properties(
            {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step(1, 0)]} | members
        )


def test_an_exact_capacity_below_zero_is_refused() -> None:
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


def tracking_members(target: float = 5) -> dict[str, object]:
    specification = {"MetricName": "Load", "Namespace": "Tests", "Statistic": "Average"}
    return {"TargetValue": target, "CustomizedMetricSpecification": specification}


def tracking_of(target: float = 5, **members: object) -> TargetTrackingPolicy:
    return TargetTrackingPolicy.from_properties(tracking_members(target) | members, KEY)


@pytest.mark.parametrize(
    ("capacity", "metric", "expected"),
    [(1, 20, 4), (2, 5.1, 3), (4, 2.5, 2), (3, 0, 0), (0, 1, 1), (0, 23, 5), (0, 0, 0), (4, 4.9, 4)],
)
def test_target_tracking_rounds_up_what_brings_the_metric_to_its_target(
    capacity: int, metric: float, expected: int
) -> None:
    assert tracking_of().desired_capacity(capacity, metric) == expected


def test_target_tracking_is_not_misled_by_binary_fractions() -> None:
    assert tracking_of(target=0.1).desired_capacity(3, 0.1) == 3


def test_target_tracking_makes_aws_fixed_alarms() -> None:
    high, low = tracking_of(target=7).alarms(KEY, "arn:policy", "id-1", "id-2")
    assert high.name == "TargetTracking-endpoint/reader/variant/main-AlarmHigh-id-1"
    assert low.name == "TargetTracking-endpoint/reader/variant/main-AlarmLow-id-2"
    assert (high.comparison_operator, high.threshold, high.evaluation_periods) == ("GreaterThanThreshold", 7.0, 3)
    assert (low.comparison_operator, low.threshold, low.evaluation_periods) == ("LessThanThreshold", 6.3, 15)
    assert high.query.period == low.query.period == 60
    assert high.actions_in("ALARM") == low.actions_in("ALARM") == ("arn:policy",)
    assert high.treat_missing_data == low.treat_missing_data == "missing"


def test_the_predefined_metric_of_sagemaker_is_known() -> None:
    policy = TargetTrackingPolicy.from_properties(
        {
            "TargetValue": "70",
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
        KEY,
    )
    assert isinstance(policy.query, StatisticQuery)
    assert policy.query.metric_name == "InvocationsPerInstance"
    assert policy.query.dimensions == (("EndpointName", "reader"), ("VariantName", "main"))
    assert policy.query.statistic == "Sum"


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"TargetValue": 0}, "must be greater than 0"),
        ({"TargetValue": None}, "'targetValue'"),
        ({"CustomizedMetricSpecification": None}, "Exactly one of"),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "x"}}, "Exactly one of"),
        (
            {
                "CustomizedMetricSpecification": None,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
            },
            "ALBRequestCountPerTarget is not evaluated here",
        ),
        ({"CustomizedMetricSpecification": "Load"}, "Member must be a structure"),
    ],
)
def test_a_wrong_tracking_policy_is_refused(members: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        TargetTrackingPolicy.from_properties(tracking_members() | members, KEY)
