"""StateReason and StateReasonData."""

import json

import pytest

from async_endpoint.cloudwatch import evaluate
from tests.cloudwatch.alarms import TEN, alarm_of, ending_at_ten

REASONS = [
    (
        "X X",
        {},
        (
            "Threshold Crossed: 2 out of the last 2 datapoints [1.0 (22/11/26 09:59:00), 1.0 (22/11/26 09:58:00)] were "
            "greater than or equal to the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition)."
        ),
    ),
    (
        "X 0",
        {},
        (
            "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (22/11/26 09:59:00)] was not greater than or equal "
            "to the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition)."
        ),
    ),
    (
        "0 0",
        {"EvaluationPeriods": 3, "DatapointsToAlarm": 2},
        (
            "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (22/11/26 09:59:00), 0.0 (22/11/26 09:58:00)] were "
            "not greater than or equal to the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition)."
        ),
    ),
    (
        "X",
        {
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": None,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
        },
        "Threshold Crossed: 1 datapoint [1.0 (22/11/26 09:59:00)] was greater than the threshold (0.0).",
    ),
    ("- -", {}, "Insufficient Data: 2 datapoints were unknown."),
    ("-", {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}, "Insufficient Data: 1 datapoint was unknown."),
    (
        "-",
        {"EvaluationPeriods": 1, "DatapointsToAlarm": 1, "TreatMissingData": "breaching"},
        (
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching]."
        ),
    ),
    (
        "- -",
        {"TreatMissingData": "notBreaching"},
        (
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[NonBreaching]."
        ),
    ),
    (
        "- - X",
        {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "breaching"},
        (
            "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
            "[Breaching]."
        ),
    ),
]


@pytest.mark.parametrize(("pattern", "changes", "reason"), REASONS)
def test_the_reason_is_worded_as_cloudwatch_words_it(pattern: str, changes: dict[str, object], reason: str) -> None:
    assert evaluate(alarm_of(**changes), ending_at_ten(pattern), TEN).reason == reason


def test_the_reasons_data_names_the_datapoints() -> None:
    found = evaluate(alarm_of(), ending_at_ten("0 X"), TEN)
    assert json.loads(found.reason_data) == {
        "version": "1.0",
        "queryDate": "2026-11-22T10:00:00.000+0000",
        "startDate": "2026-11-22T09:58:00.000+0000",
        "statistic": "Average",
        "period": 60,
        "recentDatapoints": [0.0, 1.0],
        "threshold": 1.0,
        "evaluatedDatapoints": [
            {"timestamp": "2026-11-22T09:59:00.000+0000", "value": 1.0},
            {"timestamp": "2026-11-22T09:58:00.000+0000", "value": 0.0},
        ],
    }
    assert found.values == (0.0,)
