"""CloudWatch's own examples of metric math, and its sentences applied to more values."""

import json
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.cloudwatch.metric_math_parser import parse

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "tables" / "metric-math.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("series", "expression", "wanted"), TABLE["rows"], ids=[row[1] for row in TABLE["rows"]])
def test_an_expression_gives_what_the_guide_says(series: str, expression: str, wanted: list[float | None]) -> None:
    known = {name: tuple(values) for name, values in TABLE["series"][series].items()}
    assert parse(expression).values(known, len(wanted)) == tuple(wanted)
