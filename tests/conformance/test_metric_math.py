"""CloudWatch's own examples of metric math, and its sentences applied to more values."""

import json
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.scaling.metric_math import Expression

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "tables" / "metric-math.json").read_text(encoding="utf-8"))
# What is not evaluated by the guide's sentences yet; each of them fails here as soon as it is.
NOT_YET = {
    expression
    for series, expression, _ in TABLE["rows"]
    if (series, expression) not in {("comparisons", "metric1 >= 30"), ("ours", "FILL(metric1, 7)")}
    and expression != "IF(metric1, 5, metric3)"
}


@pytest.mark.parametrize(
    ("series", "expression", "wanted"),
    [
        pytest.param(*row, id=row[1], marks=[pytest.mark.xfail(strict=True)] if row[1] in NOT_YET else [])
        for row in TABLE["rows"]
    ],
)
def test_an_expression_gives_what_the_guide_says(series: str, expression: str, wanted: list[float | None]) -> None:
    known = {name: tuple(values) for name, values in TABLE["series"][series].items()}
    assert Expression.parse(expression).values(known, len(wanted)) == tuple(wanted)
