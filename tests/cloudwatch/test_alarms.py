import json

import pytest

from async_endpoint.cloudwatch import (
    MetricAlarm,
    MetricKey,
    MetricStore,
    ValidationException,
    evaluate,
)

KEY = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", {"EndpointName": "e"})
TEN = 1_795_341_600  # 22 November 2026, 10:00:00 UTC
PROPERTIES: dict[str, object] = {
    "AlarmName": "has-backlog",
    "Namespace": "AWS/SageMaker",
    "MetricName": "HasBacklogWithoutCapacity",
    "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 2,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "missing",
}


def alarm_of(**changes: object) -> MetricAlarm:
    return MetricAlarm.from_properties(
        {name: value for name, value in (PROPERTIES | changes).items() if value is not None}
    )


def ending_at_ten(pattern: str, minutes: int = 1) -> MetricStore:
    """Build a store from the documentation's notation: 0 calm, X breaching, - missing, the newest on the right."""
    store = MetricStore()
    for back, mark in enumerate(reversed(pattern.split()), start=1):
        if mark != "-":
            store.put(KEY, 1.0 if mark == "X" else 0.0, TEN - back * 60 * minutes)
    return store


DOCUMENTED = [
    # pattern, M, then the state under missing, ignore, breaching, notBreaching
    ("0 - X - X", 3, "OK", "OK", "OK", "OK"),
    ("0 - - - -", 3, "OK", "OK", "OK", "OK"),
    ("- - - - -", 3, "INSUFFICIENT_DATA", "retained", "ALARM", "OK"),
    ("0 X X - X", 3, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("- - X - -", 3, "ALARM", "retained", "ALARM", "OK"),
    ("0 - X - X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 0 X 0 X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 - X - -", 2, "OK", "OK", "ALARM", "OK"),
    ("- - - - 0", 2, "OK", "OK", "ALARM", "OK"),
    ("- - - X -", 2, "ALARM", "retained", "ALARM", "OK"),
]


@pytest.mark.parametrize("now", ["ALARM", "OK", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize("treatment", ["missing", "ignore", "breaching", "notBreaching"])
@pytest.mark.parametrize("row", DOCUMENTED, ids=lambda row: f"{row[0]} {row[1]} of 3")
def test_missing_data_is_treated_as_cloudwatchs_tables_say(
    row: tuple[str, int, str, str, str, str], treatment: str, now: str
) -> None:
    pattern, needed, *states = row
    expected = dict(zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True))[treatment]
    alarm = alarm_of(EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treatment)
    found = evaluate(alarm, ending_at_ten(pattern), TEN, now)  # type: ignore[arg-type]  # a Literal, by its values
    assert found.state == (now if expected == "retained" else expected)


@pytest.mark.parametrize("pattern", ["- - - - X", "- - - X -"])
def test_an_alarm_does_not_fire_too_early_on_intermittent_data(pattern: str) -> None:
    alarm = alarm_of(EvaluationPeriods=3, DatapointsToAlarm=3)
    assert evaluate(alarm, ending_at_ten(pattern), TEN).state == "OK"


def test_a_datapoint_beyond_the_evaluation_range_is_forgotten() -> None:
    store = ending_at_ten("0 - - - - -")
    states = [
        evaluate(alarm_of(EvaluationPeriods=3, DatapointsToAlarm=3, TreatMissingData=treatment), store, TEN).state
        for treatment in ("breaching", "missing")
    ]
    assert states == ["ALARM", "INSUFFICIENT_DATA"]


def test_a_one_minute_metric_is_seen_only_after_its_minute() -> None:
    store, alarm = MetricStore(), alarm_of(EvaluationPeriods=1, DatapointsToAlarm=1)
    store.put(KEY, 1.0, TEN + 1)
    assert evaluate(alarm, store, TEN + 59.9).state == "INSUFFICIENT_DATA"
    assert evaluate(alarm, store, TEN + 60).state == "ALARM"


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


def test_data_of_five_minute_periods_is_summed_over_each() -> None:
    alarm = alarm_of(Period=300, Statistic="Sum", EvaluationPeriods=1, DatapointsToAlarm=1, Threshold=5)
    store = MetricStore()
    for minute in range(5):
        store.put(KEY, 1.0, TEN - 300 + minute * 60)
    assert evaluate(alarm, store, TEN).state == "ALARM"
    assert evaluate(alarm, store, TEN + 60).state == "OK"


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


def test_a_template_may_write_numbers_and_booleans_as_text() -> None:
    texts: dict[str, object] = {
        "Period": "60",
        "EvaluationPeriods": "2",
        "DatapointsToAlarm": "2",
        "Threshold": "1",
        "ActionsEnabled": "true",
    }
    assert alarm_of(**texts) == alarm_of(ActionsEnabled=True)
    assert alarm_of(ActionsEnabled="false", AlarmActions=["arn"]).actions_in("ALARM") == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"AlarmName": None}, "Value null at 'alarmName' failed to satisfy constraint: Member must not be null"),
        ({"Threshold": "much"}, "Value 'much' at 'threshold' failed to satisfy constraint: Member must be a number"),
        ({"Threshold": True}, "Member must be a number"),
        ({"Threshold": "inf"}, "Member must be a number"),
        ({"EvaluationPeriods": 0}, "greater than or equal to 1"),
        ({"EvaluationPeriods": 1.5}, "Member must be a whole number"),
        ({"ComparisonOperator": "Above"}, r"enum value set: \[GreaterThanOrEqualToThreshold"),
        ({"ComparisonOperator": None}, "Value null at 'comparisonOperator'"),
        ({"TreatMissingData": "forget"}, r"\[breaching, notBreaching, ignore, missing\]"),
        ({"Statistic": None}, "Value null at 'statistic'"),
        ({"DatapointsToAlarm": 3}, r"DatapointsToAlarm \(3\) must be less than or equal to EvaluationPeriods \(2\)"),
        ({"Period": 10}, "take a multiple of 60"),
        ({"EvaluationPeriods": 1441}, "across more than a day"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "across more than seven days"),
        ({"Metrics": [{"Id": "m1"}]}, "MetricName and Metrics cannot stand in one alarm"),
        ({"ExtendedStatistic": "p99"}, "percentiles are not kept here"),
        ({"ThresholdMetricId": "ad1"}, "anomaly detection bands"),
        ({"Dimensions": "EndpointName=e"}, "Member must be a list of structures"),
        ({"AlarmActions": "arn"}, "Member must be a list of strings"),
        ({"ActionsEnabled": "perhaps"}, "Member must be true or false"),
    ],
)
def test_a_wrong_member_is_refused_with_a_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationException, match=sentence) as refused:
        alarm_of(**changes)
    assert refused.value.code == "ValidationException"


def test_an_alarm_that_spans_days_is_evaluated_every_hour() -> None:
    assert alarm_of().evaluation_interval == 60
    assert alarm_of(Period=3600, EvaluationPeriods=24).evaluation_interval == 60
    assert alarm_of(Period=3600, EvaluationPeriods=25).evaluation_interval == 3600
