"""Target tracking: its alarms, its formula, and the metrics that it may name."""

import pytest

from async_endpoint.autoscaling import TargetTrackingPolicy, ValidationException
from async_endpoint.cloudwatch import StatisticQuery
from tests.autoscaling.fleet import KEY


def tracking_members(target: float = 5) -> dict[str, object]:
    specification = {"MetricName": "Load", "Namespace": "Tests", "Statistic": "Average"}
    return {"TargetValue": target, "CustomizedMetricSpecification": specification}


def tracking_of(target: float = 5, **members: object) -> TargetTrackingPolicy:
    return TargetTrackingPolicy.from_members(tracking_members(target) | members, KEY)


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


def test_defaults_are_those_of_sagemaker() -> None:
    policy = tracking_of()
    assert [policy.cooldown_after(outwards=outwards) for outwards in (True, False)] == [300, 300]
    own = tracking_of(ScaleOutCooldown=0, ScaleInCooldown=60)
    assert [own.cooldown_after(outwards=outwards) for outwards in (True, False)] == [0, 60]


def test_a_policy_is_described_with_the_members_that_were_given() -> None:
    assert tracking_of().describe() == tracking_members()
    given: dict[str, object] = {"ScaleOutCooldown": 300, "ScaleInCooldown": 0, "DisableScaleIn": False}
    assert tracking_of(5, **given).describe() == tracking_members() | given


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
    policy = TargetTrackingPolicy.from_members(
        {
            "TargetValue": 70,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
        KEY,
    )
    assert isinstance(policy.query, StatisticQuery)
    assert policy.query.metric_name == "InvocationsPerInstance"
    assert policy.query.dimensions == (("EndpointName", "reader"), ("VariantName", "main"))
    assert policy.query.statistic == "Sum"


METRIC = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum"}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"TargetValue": 0}, "must be greater than 0"),
        ({"ScaleInCooldown": -1}, "ScaleInCooldown must be 0 or more, not -1."),
        ({"CustomizedMetricSpecification": {"Namespace": "N", "Statistic": "Sum"}}, "must have a MetricName"),
        ({"CustomizedMetricSpecification": METRIC | {"Namespace": ""}}, "must have a Namespace"),
        ({"CustomizedMetricSpecification": METRIC | {"MetricName": ""}}, "must have a MetricName"),
        ({"CustomizedMetricSpecification": METRIC | {"Unit": ""}}, "must not be empty"),
        (
            {"CustomizedMetricSpecification": METRIC | {"Dimensions": [{"Name": "", "Value": "v"}]}},
            "a name and a value",
        ),
        ({"CustomizedMetricSpecification": None}, "Exactly one of"),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "x"}}, "Exactly one of"),
        (
            {
                "CustomizedMetricSpecification": None,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
            },
            "ALBRequestCountPerTarget is not evaluated here",
        ),
    ],
)
def test_an_invalid_tracking_policy_is_rejected(members: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence):
        TargetTrackingPolicy.from_members(tracking_members() | members, KEY)
