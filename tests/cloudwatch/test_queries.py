"""Alarms on metric math: which queries make an alarm, and what it sees."""

import pytest

from async_endpoint.cloudwatch import MetricAlarm, MetricKey, MetricStore, ValidationError, evaluate

TEN = 1_795_341_600  # 22 November 2026, 10:00:00 UTC


def stat(query_id: str, name: str, **more: object) -> dict[str, object]:
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
    }
    return {
        "Id": query_id,
        "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"},
        "ReturnData": False,
        **more,
    }


def alarm_on(*queries: dict[str, object], **more: object) -> MetricAlarm:
    return MetricAlarm.from_members(
        {
            "AlarmName": "wake",
            "Metrics": list(queries),
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            **more,
        }
    )


WAKE = (
    {"Id": "result", "Expression": "IF(nocap > 0, backlog, 0)", "Label": "waiting", "ReturnData": True},
    stat("nocap", "HasBacklogWithoutCapacity"),
    stat("backlog", "ApproximateBacklogSize"),
)


@pytest.mark.parametrize(
    ("nocap", "backlog", "state"), [(1, 12, "ALARM"), (0, 12, "OK"), (1, 0, "OK"), (1, None, "OK"), (None, 12, "OK")]
)
def test_an_alarm_on_metric_math_breaches_by_its_result(nocap: float | None, backlog: float | None, state: str) -> None:
    store = MetricStore()
    for name, value in (("HasBacklogWithoutCapacity", nocap), ("ApproximateBacklogSize", backlog)):
        if value is not None:
            store.put(MetricKey.from_dimensions("AWS/SageMaker", name, {"EndpointName": "e"}), value, TEN - 30)
    evaluation = evaluate(alarm_on(*WAKE), store, TEN)
    assert evaluation.state == state
    if state == "ALARM":
        assert evaluation.values == (12,)


def test_an_alarm_shows_its_queries_as_they_were_put() -> None:
    described = alarm_on(*WAKE).describe()
    assert described["Metrics"] == list(WAKE)
    assert not {"MetricName", "Namespace", "Statistic", "Period", "Dimensions"} & described.keys()


@pytest.mark.parametrize(
    ("queries", "why"),
    [
        ([stat("a", "A")], "Exactly one element of the metrics list should return data"),
        ([stat("a", "A", ReturnData=True), stat("b", "B", ReturnData=True)], "Exactly one element"),
        ([stat("a", "A"), {"Id": "a", "Expression": "1"}], "The Id 'a' is in Metrics twice"),
        ([stat("a", "A"), {"Id": "r", "Expression": "a + z"}], "'r' refers to 'z', and no query has that Id"),
        ([stat("a", "A"), {"Id": "r", "Expression": "a + r"}], "The expression of 'r' refers to itself"),
        ([{"Id": "r", "Expression": "1"}], "at least one metric beside its expressions"),
        ([{"Id": "r", "Expression": "IF(1, 2, 3)"}, stat("a", "A")], "is one number, and must be a time series"),
        ([{"Id": "r"}], "The query r must have exactly one of Expression and MetricStat"),
        (
            [stat("r", "A", Expression="1", ReturnData=True)],
            "The query r must have exactly one of Expression and MetricStat",
        ),
        (
            [stat("a", "A", ReturnData=True, MetricStat={"Metric": {}, "Period": 60, "Stat": "Sum"})],
            "a Namespace and a Me",
        ),
        (
            [stat("a", "A", ReturnData=True, MetricStat={"Metric": {}, "Period": 60, "Stat": "p90"})],
            "percentiles are not",
        ),
        (
            [
                {"Id": "r", "Expression": "a + b"},
                stat("a", "A"),
                {**stat("b", "B"), "MetricStat": {**stat("b", "B")["MetricStat"], "Period": 300}},  # type: ignore[dict-item]
            ],
            "different periods",
        ),
    ],
)
def test_invalid_queries_are_rejected(queries: list[dict[str, object]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        alarm_on(*queries)


def test_an_expression_may_refer_to_another() -> None:
    store = MetricStore()
    store.put(MetricKey.from_dimensions("AWS/SageMaker", "A", {"EndpointName": "e"}), 4, TEN - 30)
    twice = {"Id": "twice", "Expression": "a * 2", "ReturnData": False}
    alarm = alarm_on({"Id": "r", "Expression": "twice + 1"}, twice, stat("a", "A"), Threshold=9)
    assert evaluate(alarm, store, TEN).values == (9,)
