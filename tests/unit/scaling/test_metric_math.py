"""Metric math: what CloudWatch's user guide says of expressions, operands without data, and alarms on them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.scaling import MetricAlarm, MetricKey, MetricStore, ValidationException, evaluate
from async_endpoint.scaling.metric_math import Value
from async_endpoint.scaling.metric_math_parser import parse

TEN = 1_795_341_600  # 22 November 2026, 10:00:00 UTC
KNOWN: dict[str, tuple[Value, ...]] = {
    "backlog": (3.0, 0.0, None, 7.0),
    "nocap": (1.0, 0.0, 1.0, None),
    "cpu": (None, None, 12.5, None),
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("backlog", (3, 0, None, 7)),
        ("2", (2, 2, 2, 2)),
        ("backlog + nocap", (4, 0, None, None)),
        ("2 + 3 * 4 - 8 / 2", (10,) * 4),
        ("(2 + 3) * 4", (20,) * 4),
        ("2 ^ 3 * 2", (16,) * 4),
        ("10 - 3 - 2", (5,) * 4),
        ("-backlog", (-3, 0, None, -7)),
        ("backlog / (nocap - 1)", (None, 0, None, None)),  # by 0: no datapoint
        ("backlog > 2", (1, 0, None, 1)),
        ("backlog >= 3 AND nocap == 1", (1, 0, None, None)),
        ("backlog == 0 OR backlog != 3", (0, 1, None, 1)),
        ("backlog < 1 || backlog > 5 && 1", (0, 1, None, 1)),
        ("1 OR 0 AND 0", (1,) * 4),
        ("IF(nocap > 0, backlog, 0)", (3, 0, None, None)),
        ("IF(backlog, nocap, 5)", (1, 5, None, None)),
        ("FILL(cpu, 1000) < 20", (0, 0, 1, 0)),
        ("FILL(backlog, REPEAT)", (3, 0, 0, 7)),
        ("FILL(cpu, REPEAT)", (None, None, 12.5, 12.5)),
        ("FILL(backlog, FILL(cpu, 0))", (3, 0, 12.5, 7)),
        ("CEIL(FILL(cpu, 0.2)) + FLOOR(0.9) + ABS(0 - 1)", (2, 2, 14, 2)),
    ],
)
def test_an_expression_is_worked_out_period_by_period(expression: str, values: tuple[Value, ...]) -> None:
    assert parse(expression).values(KNOWN, 4) == values


def test_the_names_that_an_expression_refers_to_are_known() -> None:
    assert parse("IF(a > 0, b_2, FILL(c, 0))").names == {"a", "b_2", "c"}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "'a value' is missing at the end"),
        ("backlog +", "'a value' is missing at the end"),
        ("(backlog", r"'\)' is missing at the end"),
        ("backlog nocap", "'nocap' is not expected there"),
        ("backlog $ 2", r"'\$' cannot be read"),
        ("Backlog", "'Backlog' is not expected there"),
        ("IF(backlog, 1)", "IF with 2 argument"),
        ("FILL(backlog)", r"',' is missing before \)"),
        ("SEARCH(backlog)", "SEARCH with 1 argument"),
        ("FILL(backlog, LINEAR)", "'LINEAR' is not expected there"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_and_where(expression: str, why: str) -> None:
    with pytest.raises(ValidationException, match=why) as refused:
        parse(expression)
    assert f"The expression '{expression}' cannot be evaluated" in str(refused.value)


NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda number: round(abs(number), 3))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_arithmetic_agrees_with_pythons(a: float, b: float, c: float) -> None:
    text = f"{a:.3f} + {b:.3f} * {c:.3f} - {a:.3f} / ({b:.3f} + 1)"
    (found,) = parse(text).values({}, 1)
    assert found is not None
    assert math.isclose(found, eval(text), rel_tol=1e-12)  # noqa: S307 - a sum of numbers


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
    return MetricAlarm.from_properties(
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
            store.put(MetricKey.of("AWS/SageMaker", name, {"EndpointName": "e"}), value, TEN - 30)
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
        ([stat("a", "A"), {"Id": "a", "Expression": "1"}], "The Id 'a' stands in Metrics twice"),
        ([stat("a", "A"), {"Id": "r", "Expression": "a + z"}], "'r' refers to 'z', and no query has that Id"),
        ([stat("a", "A"), {"Id": "r", "Expression": "a + r"}], "The expression of 'r' refers to itself"),
        ([{"Id": "r", "Expression": "1"}], "at least one metric beside its expressions"),
        ([{"Id": "r"}], "neither an Expression nor a MetricStat"),
        ([stat("r", "A", Expression="1", ReturnData=True)], "The query 'r' has both an Expression and a MetricStat"),
        ([{"Expression": "1"}], "Value null at 'id'"),
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
def test_queries_that_make_no_alarm_are_refused(queries: list[dict[str, object]], why: str) -> None:
    with pytest.raises(ValidationException, match=why):
        alarm_on(*queries)


def test_an_expression_may_refer_to_another() -> None:
    store = MetricStore()
    store.put(MetricKey.of("AWS/SageMaker", "A", {"EndpointName": "e"}), 4, TEN - 30)
    twice = {"Id": "twice", "Expression": "a * 2", "ReturnData": False}
    alarm = alarm_on({"Id": "r", "Expression": "twice + 1"}, twice, stat("a", "A"), Threshold=9)
    assert evaluate(alarm, store, TEN).values == (9,)
