"""An alarm's settings, and what is not evaluated here."""

import pytest

from async_endpoint.cloudwatch import ValidationError
from tests.cloudwatch.alarms import alarm_of


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [2.0]),
        ("GreaterThanOrEqualToThreshold", [1.0, 2.0]),
        ("LessThanThreshold", [0.0]),
        ("LessThanOrEqualToThreshold", [0.0, 1.0]),
    ],
)
def test_each_comparison_operator(comparison: str, breaching: list[float]) -> None:
    alarm = alarm_of(ComparisonOperator=comparison)
    assert [value for value in (0.0, 1.0, 2.0) if alarm.breaches(value)] == breaching


def test_an_alarm_whose_actions_are_switched_off_has_none() -> None:
    arn = "arn:aws:sns:us-east-1:000000000000:topic"
    assert alarm_of(AlarmActions=[arn]).actions_in("ALARM") == (arn,)
    assert alarm_of(ActionsEnabled=False, AlarmActions=[arn]).actions_in("ALARM") == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DatapointsToAlarm": 3}, r"DatapointsToAlarm \(3\) must be less than or equal to EvaluationPeriods \(2\)"),
        ({"Period": 10}, "take a multiple of 60"),
        ({"Statistic": None, "ExtendedStatistic": "p99"}, "percentiles are not kept here"),
        ({"Threshold": None, "ThresholdMetricId": "ad1"}, "anomaly detection bands"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "anomaly detection bands"),
        ({"EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}}, "only alarms on metrics are evaluated here"),
    ],
)
def test_an_alarm_that_breaks_a_rule_or_cannot_be_evaluated_is_rejected(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        alarm_of(**changes)


def test_an_alarm_that_spans_days_is_evaluated_every_hour() -> None:
    assert alarm_of().evaluation_interval == 60
    assert alarm_of(Period=3600, EvaluationPeriods=24).evaluation_interval == 60
    assert alarm_of(Period=3600, EvaluationPeriods=25).evaluation_interval == 3600
