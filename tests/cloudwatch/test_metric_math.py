import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.cloudwatch import EvaluationRules, ValidationError
from async_endpoint.cloudwatch.metric_math import Value
from async_endpoint.cloudwatch.metric_math_parser import parse

KNOWN: dict[str, tuple[Value, ...]] = {
    "backlog": (3.0, 0.0, None, 7.0),
    "nocap": (1.0, 0.0, 1.0, None),
    "cpu": (None, None, 12.5, None),
}
# CloudWatch user guide, "Using metric math": https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
# m1 … m3 of the tables of "Using IF expressions", metric1 and metric2 of "Comparison and logical operators".
GUIDE: dict[str, tuple[Value, ...]] = {
    "m1": (1.0, 1.0, 0.0, 0.0, None),
    "m2": (30.0, None, 0.0, 0.0, 30.0),
    "m3": (0.0, 0.0, 20.0, None, 20.0),
    "low": (30.0, 500.0, 0.0, 399.0, None),
    "one": (30.0, 20.0, 0.0, 0.0, None),
    "two": (20.0, None, 20.0, None, None),
}


@pytest.mark.parametrize(
    ("source", "expression", "values"),
    [
        ("basic arithmetic: a missing value counts as 0", "m2 + m3", (30, 0, 20, 0, 50)),
        ("basic arithmetic: a missing value counts as 0", "m3 - m2", (-30, 0, 20, 0, -10)),
        ("basic arithmetic: a missing value counts as 0", "m2 * m3", (0, 0, 0, 0, 600)),
        ("basic arithmetic: division by zero drops the datapoint", "m3 / m2", (0, None, None, None, 20 / 30)),
        ("comparison of two series: a missing value counts as 0", "one < two", (0, 0, 1, 0, None)),
        ("comparison with a scalar", "one >= 30", (1, 0, 0, 0, None)),
        ("logical operators", "one > 15 AND two > 15", (1, 0, 0, 0, None)),
        ("logical operators", "one > 15 && two > 15", (1, 0, 0, 0, None)),
        ("logical operators", "one > 15 OR two > 15", (1, 1, 1, 0, None)),
        ("IF(metric1, metric2, metric3)", "IF(m1, m2, m3)", (30, 0, 20, None, None)),
        ("IF(metric1, scalar2, metric3)", "IF(m1, 5, m3)", (5, 5, 20, None, None)),
        ("IF(metric1, metric2, scalar3)", "IF(m1, m2, 5)", (30, 0, 5, 5, None)),
        ("IF: dropped where the third is left out", "IF(m1, m2)", (30, 0, None, None, None)),
        ("IF: any other value than 0 is true, a negative one too", "IF(m1 - 2, m3)", (0, 0, 20, 0, None)),
        ("IF(scalar1, metric2, metric3)", "IF(1, m2, m3)", (30, None, 0, 0, 30)),
        ("IF(scalar1, metric2, metric3)", "IF(0, m2, m3)", (0, 0, 20, None, 20)),
        ("IF(scalar1, metric2): empty where it is false", "IF(0, m2)", (None,) * 5),
        ("use case: only the low values", "IF(low < 400, low)", (30, None, 0, 399, None)),
        ("use case: one of two values", "IF(low < 400, 10, 2)", (10, 2, 10, 10, None)),
        ("AVG of an array: a missing value counts as 0", "AVG([m2, m3])", (15, 0, 10, 0, 25)),
        ("MAX of an array", "MAX([m2, m3])", (30, 0, 20, 0, 30)),
        ("MIN of an array", "MIN([m2, m3])", (0, 0, 0, 0, 20)),
        ("SUM of an array", "SUM([m2, m3, 1])", (31, 1, 21, 1, 51)),
        ("FILL(m1, scalar)", "FILL(m2, 7)", (30, 7, 0, 0, 30)),
        ("FILL(m1, series)", "FILL(m2, m3)", (30, 0, 0, 0, 30)),
        ("FILL(m1, REPEAT)", "FILL(m3, REPEAT)", (0, 0, 20, 20, 20)),
        ("FILL(m1, REPEAT): nothing before the first", "FILL(IF(m1 < 1, m1), REPEAT)", (None, None, 0, 0, 0)),
    ],
)
def test_a_row_of_cloudwatchs_guide(source: str, expression: str, values: tuple[Value, ...]) -> None:
    assert parse(expression).values(GUIDE, 5) == pytest.approx(values), source


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("backlog", (3, 0, None, 7)),
        ("2", (2, 2, 2, 2)),
        ("2 + 3 * 4 - 8 / 2", (10,) * 4),
        ("(2 + 3) * 4", (20,) * 4),
        ("2 ^ 3 * 2", (16,) * 4),
        ("10 - 3 - 2", (5,) * 4),
        ("-backlog", (-3, 0, None, -7)),
        ("backlog / (nocap - 1)", (None, 0, None, None)),  # by 0: no datapoint
        ("1 / 0", (None,) * 4),
        ("0 - 2 ^ 0.5 + (0 - 2) ^ 0.5", (None,) * 4),  # no real number
        ("backlog == 0 OR backlog != 3", (0, 1, None, 1)),
        ("backlog < 1 || backlog > 5 && 1", (0, 1, None, 1)),
        ("1 OR 0 AND 0", (1,) * 4),
        ("FILL(backlog, FILL(cpu, 0))", (3, 0, 12.5, 7)),
        ("CEIL(FILL(cpu, 0.2)) + FLOOR(0.9) + ABS(0 - 1)", (2, 2, 14, 2)),
    ],
)
def test_an_expression_is_worked_out_period_by_period(expression: str, values: tuple[Value, ...]) -> None:
    assert parse(expression).values(KNOWN, 4) == values


NOTHING: dict[str, tuple[Value, ...]] = {"never": (None, None), "cpu": (None, 5.0)}


@pytest.mark.parametrize(
    ("rules", "expression", "values"),
    [
        (EvaluationRules(fill_of_nothing="missing"), "FILL(never, 3)", (None, None)),
        (EvaluationRules(fill_of_nothing="value"), "FILL(never, 3)", (3, 3)),
        (EvaluationRules(fill_of_nothing="missing"), "FILL(cpu, 3)", (3, 5)),
        (EvaluationRules(scalar_meets_missing="missing"), "cpu + 1", (None, 6)),
        (EvaluationRules(scalar_meets_missing="zero"), "cpu + 1", (1, 6)),
        (EvaluationRules(scalar_meets_missing="zero"), "cpu < 20", (1, 1)),
        (EvaluationRules(scalar_meets_missing="zero"), "IF(cpu < 20, 1)", (1, 1)),
    ],
)
def test_what_the_guide_leaves_open_is_a_switch(
    rules: EvaluationRules, expression: str, values: tuple[Value, ...]
) -> None:
    assert parse(expression).values(NOTHING, 2, rules) == values


@pytest.mark.parametrize(
    "expression",
    ["MAX(a)", "MIN(a) > 1", "a - AVG(a)", "SUM(a)", "STDDEV(a)", "DATAPOINT_COUNT(a)", "RUNNING_SUM(a)",
     "SUM(REMOVE_EMPTY([a, b]))", "REMOVE_EMPTY([a, b])"],
)  # fmt: skip
def test_functions_that_cloudwatch_advises_against_in_alarms_are_rejected_with_its_advice(expression: str) -> None:
    with pytest.raises(ValidationError, match=r"recommends not to use .* more datapoints than its evaluation periods"):
        parse(expression)


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
        ("IF(backlog)", "IF with 1 argument"),
        ("MAX([backlog, 1)", r"'\]' is missing before \)"),
        ("FILL(backlog)", r"',' is missing before \)"),
        ("SEARCH(backlog)", "SEARCH with 1 argument"),
        ("FILL(backlog, LINEAR)", "'LINEAR' is not expected there"),
    ],
)
def test_an_invalid_expression_is_rejected_with_what_and_where(expression: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as rejected:
        parse(expression)
    assert f"The expression '{expression}' cannot be evaluated" in str(rejected.value)


NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda number: round(abs(number), 3))


@given(NUMBERS, NUMBERS, NUMBERS)
def test_arithmetic_agrees_with_pythons(a: float, b: float, c: float) -> None:
    text = f"{a:.3f} + {b:.3f} * {c:.3f} - {a:.3f} / ({b:.3f} + 1)"
    (found,) = parse(text).values({}, 1)
    assert found is not None
    assert math.isclose(found, eval(text), rel_tol=1e-12)  # noqa: S307 - a sum of numbers
