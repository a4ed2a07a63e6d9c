"""Alarms and scaling that a change weakens are listed, and no others."""

from __future__ import annotations

import pytest

from tests.operations.diff.stack import Template, compare

ALARM: Template = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5,
        "EvaluationPeriods": 2,
        "AlarmActions": ["arn:a", "arn:b"],
    },
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Threshold": 6}, "Threshold 5 → 6"),
        ({"EvaluationPeriods": 3}, "EvaluationPeriods 2 → 3"),
        ({"AlarmActions": ["arn:a"]}, 'AlarmActions ["arn:a", "arn:b"] → ["arn:a"]'),
        ({"ActionsEnabled": False}, "ActionsEnabled  → false"),
        (None, "AWS::CloudWatch::Alarm, removed"),
        ({"Threshold": 4}, None),
        ({"EvaluationPeriods": 1}, None),
        ({"AlarmActions": ["arn:a", "arn:b", "arn:c"]}, None),
    ],
)
def test_a_weaker_alarm_is_listed(head: Template, base: Template, change: Template | None, said: str | None) -> None:
    base["Resources"]["Alarm"] = ALARM
    if change is not None:
        head["Resources"]["Alarm"] = {**ALARM, "Properties": {**ALARM["Properties"], **change}}
    weakened = compare(head, base).weakened
    assert len(weakened) == (said is not None)
    assert said is None or said in weakened[0]


@pytest.mark.parametrize(("before", "after", "weaker"), [(4, 2, True), (2, 4, False)])
def test_less_scaling_is_listed(head: Template, base: Template, before: int, after: int, *, weaker: bool) -> None:
    base["Resources"]["Target"]["Properties"]["MaxCapacity"] = before
    head["Resources"]["Target"]["Properties"]["MaxCapacity"] = after
    expected = (f"Endpoint/Target: MaxCapacity {before} → {after}",) if weaker else ()
    assert compare(head, base).weakened == expected
