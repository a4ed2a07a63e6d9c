"""The state of an alarm, by CloudWatch's tables of missing data."""

import pytest

from async_endpoint.cloudwatch import MetricStore, evaluate
from tests.cloudwatch.alarms import KEY, TEN, alarm_of, ending_at_ten

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


def test_data_of_five_minute_periods_is_summed_over_each() -> None:
    alarm = alarm_of(Period=300, Statistic="Sum", EvaluationPeriods=1, DatapointsToAlarm=1, Threshold=5)
    store = MetricStore()
    for minute in range(5):
        store.put(KEY, 1.0, TEN - 300 + minute * 60)
    assert evaluate(alarm, store, TEN).state == "ALARM"
    assert evaluate(alarm, store, TEN + 60).state == "OK"
