"""The table of prices: each number has a source, gaps are gaps, and age is reported."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from async_endpoint.planner import PlanError, bundled_prices, read_prices
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


OWN = """
dated = 2026-06-01
[[instances]]
region = "eu-west-1"
type = "ml.g5.xlarge"
usd_an_hour = 1.6
usage_type = "EU-Host:ml.g5.xlarge"
source = "AWS Price List"
quality = "listed"
"""


def test_a_table_of_ones_own_has_the_instances_and_the_package_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN, encoding="utf-8")
    own, packaged = read_prices(path), bundled_prices()
    assert own.instances.keys() == {("eu-west-1", "ml.g5.xlarge")}
    assert own.usage == packaged.usage
    assert (own.dated, own.usage_dated) == (date(2026, 6, 1), packaged.dated)
    assert packaged.describe_dates() == "Prices of 2026-11-29"
    assert own.describe_dates() == "Prices of instances of 2026-06-01, others of 2026-11-29"


def test_the_older_part_of_a_table_warns(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN, encoding="utf-8")
    assert "Prices of instances are of 2026-06-01" in str(read_prices(path).warning(date(2026, 12, 1)))
    path.write_text(OWN.replace("2026-06-01", "2027-06-01"), encoding="utf-8")
    assert "Prices of everything but instances are of 2026-11-29" in str(read_prices(path).warning(date(2027, 6, 2)))
    assert read_prices(path).warning(date(2026, 12, 1)) is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("dated = 2026-06-01", "", "it lacks 'dated'"),
        ("dated = 2026-06-01", 'dated = "today"', "dated is 'today' and no date"),
        ("usd_an_hour = 1.6", "usd_an_hour = -1", "a price is -1"),
        ("usd_an_hour = 1.6", "usd_an_hour = nan", "a price is nan"),
        ("usd_an_hour = 1.6", 'usd_an_hour = "1.6"', "a price is '1.6'"),
        ('source = "AWS Price List"', "", "it lacks 'source'"),
        ("[[instances]]", "[instances]", "instances and usage are arrays of tables"),
        ("[[instances]]", "[[instances", "line 3"),
    ],
)
def test_what_is_no_table_is_a_sentence(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(PlanError) as rejected:
        read_prices(path)
    assert f"{path} is no table of prices (" in str(rejected.value)
    assert reason in str(rejected.value)
    assert str(rejected.value).endswith("): let `async-endpoint prices` write it.")
