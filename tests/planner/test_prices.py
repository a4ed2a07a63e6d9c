"""The table of prices: each number has a source, gaps are gaps, and age is reported."""

from datetime import timedelta

import pytest

from async_endpoint.planner import bundled_prices
from async_endpoint.planner.prices import BASE_REGION
from async_endpoint.planner.usage import _DIRECT, _THROUGH_WORKFLOW


def test_every_number_has_a_usage_type_a_source_and_a_quality() -> None:
    prices = bundled_prices()
    rows = [*prices.instances.values(), *prices.usage.values()]
    assert len(rows) > 15
    for each in rows:
        assert each.usd > 0
        assert each.usage_type
        assert each.source
        assert each.quality in {"quoted", "weak"}


def test_a_number_is_that_of_its_unit() -> None:
    prices = bundled_prices()
    assert prices.instances[BASE_REGION, "ml.g4dn.xlarge"].usd == 0.7364
    assert prices.usage[BASE_REGION, "s3-put"].usd == pytest.approx(5e-6)
    assert prices.regions_of("ml.g6.xlarge") == ["ap-northeast-1", "us-east-1"]
    assert ("ap-northeast-1", "ml.g4dn.xlarge") not in prices.instances


def test_what_a_request_uses_has_a_price() -> None:
    known = {name for _, name in bundled_prices().usage}
    assert {*_DIRECT, *_THROUGH_WORKFLOW, "sns-publish", "lambda-gb-second", "alarm-metric", "custom-metric"} == known


def test_an_old_table_warns() -> None:
    prices = bundled_prices()
    assert prices.warning(prices.dated + timedelta(days=180)) is None
    assert "more than 180 days old" in str(prices.warning(prices.dated + timedelta(days=181)))
