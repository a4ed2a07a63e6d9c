"""The rules of PutMetricAlarm that its request model does not state."""

from typing import Any

import pytest

from async_endpoint.cloudwatch import broken_rule
from tests.cloudwatch.alarms import ON_A_METRIC, ON_MATH, QUERIES, changed


@pytest.mark.parametrize(
    "members",
    [
        ON_A_METRIC,
        ON_MATH,
        changed(ON_A_METRIC, Period=10),
        changed(ON_A_METRIC, Period=3600, EvaluationPeriods=168),
        changed(ON_A_METRIC, Statistic=None, ExtendedStatistic="p99"),  # accepted, though not evaluated here
        changed(ON_A_METRIC, DatapointsToAlarm=2),
        changed(ON_A_METRIC, TreatMissingData="ignore", AlarmActions=[]),
        {"AlarmName": "on a query language", "EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}},
    ],
)
def test_what_cloudwatch_accepts(members: dict[str, Any]) -> None:
    assert broken_rule(members) is None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (changed(ON_A_METRIC, DatapointsToAlarm=3), "DatapointsToAlarm (3) must be less than or equal to Evalua"),
        (changed(ON_A_METRIC, Period=45), "The Period of 45 seconds is not valid: it must be 10, 20, 30 or a multiple"),
        (changed(ON_A_METRIC, EvaluationPeriods=1441), "Metrics cannot be checked across more than a day"),
        (changed(ON_A_METRIC, Period=3600, EvaluationPeriods=169), "Metrics cannot be checked across more than seven"),
        (changed(ON_A_METRIC, Threshold=None), "Exactly one of Threshold and ThresholdMetricId must be specified."),
        (changed(ON_A_METRIC, EvaluationPeriods=None), "The parameter EvaluationPeriods is required."),
        (changed(ON_A_METRIC, ComparisonOperator=None), "The parameter ComparisonOperator is required."),
        (changed(ON_A_METRIC, TreatMissingData="foo"), "Option foo is not supported. Supported options are breaching"),
        (changed(ON_A_METRIC, Namespace=None), "The parameter Namespace is required."),
        (changed(ON_A_METRIC, Period=None), "The parameter Period is required."),
        (changed(ON_A_METRIC, Statistic=None), "Exactly one of Statistic and ExtendedStatistic must be specified."),
        (changed(ON_A_METRIC, MetricName=None), "Exactly one of MetricName and Metrics must be specified."),
        (changed(ON_A_METRIC, Metrics=QUERIES), "Exactly one of MetricName and Metrics must be specified."),
        (changed(ON_A_METRIC, OKActions=["foo"]), "Invalid arn syntax: foo"),
        (changed(ON_MATH, Metrics=QUERIES[1:]), "Exactly one element of the metrics list should return data."),
        (changed(ON_MATH, Metrics=[QUERIES[0], QUERIES[0]]), "Exactly one element of the metrics list should return"),
        (
            changed(ON_MATH, Metrics=[{"Id": "result"}]),
            "The query result must have exactly one of Expression and Metri",
        ),
    ],
)
def test_what_cloudwatch_rejects(members: dict[str, Any], message: str) -> None:
    assert (broken_rule(members) or "").startswith(message)
