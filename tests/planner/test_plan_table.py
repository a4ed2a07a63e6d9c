"""The table `[plan]` of a stage's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from async_endpoint.planner import Durations, PlanError, bundled_prices, read_plan_table

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH = 'pattern = "rate=2,days=3"\nservice_seconds = 0.28\nstart_seconds = "p50=200,p95=300"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "dev.toml"
    path.write_text(f'region = "us-east-1"\n{text}', encoding="utf-8")
    return path


def test_times_are_numbers_or_percentiles(tmp_path: Path) -> None:
    found = read_plan_table(write(tmp_path, f"[plan]\n{ENOUGH}concurrency = 2\n"), tmp_path)
    assert found is not None
    assert found.conditions.service == Durations.constant(0.28)
    assert found.conditions.start.points[-1][1] == 300
    assert (found.conditions.concurrency, found.price_region, found.prices) == (2, None, bundled_prices())
    assert found.traffic.seconds == 3 * 86_400
    assert found.options == (
        "--pattern rate=2,days=3 --service-seconds 0.28 --start-seconds p50=200,p95=300 --concurrency 2"
    )


def test_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "arrivals.csv").write_text("0\n5\n", encoding="utf-8")
    text = '[plan]\narrivals = "data/arrivals.csv"\nservice_seconds = 1\nstart_seconds = 2\n'
    found = read_plan_table(write(tmp_path, text), tmp_path)
    assert found is not None
    assert list(found.traffic.arrivals) == [0, 5]


def test_a_file_without_the_table_has_no_plan(tmp_path: Path) -> None:
    assert read_plan_table(write(tmp_path, ""), tmp_path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[plan]\n{ENOUGH}rate = 1", "rate is not a setting: choose of pattern, arrivals, service_seconds, "),
        (f"[plan]\n{ENOUGH}concurrency = 0", "concurrency is 0 and not from 1 to 1000."),
        (f"[plan]\n{ENOUGH}concurrency = true", "concurrency is True and not a whole number."),
        (f"[plan]\n{ENOUGH}price_region = 1", "price_region is 1 and not a text."),
        (f'[plan]\n{ENOUGH}prices = "none.toml"', "none.toml cannot be read: No such file or directory."),
        (f'[plan]\n{ENOUGH}arrivals = "a.csv"', "describe the traffic by pattern or by arrivals: one of the two."),
        ("[plan]\nservice_seconds = 1\nstart_seconds = 1", "describe the traffic by pattern or by arrivals"),
        ('[plan]\npattern = "rate=1"\nservice_seconds = 1', "start_seconds is missing: a plan has no default for it."),
        ('[plan]\npattern = "rate=1"\nstart_seconds = 1', "service_seconds is missing"),
        ('[plan]\npattern = "rat=1"\nservice_seconds = 1\nstart_seconds = 1', "A pattern has no 'rat'"),
        ('[plan]\npattern = "rate=1"\nservice_seconds = -1\nstart_seconds = 1', "'-1' cannot be used."),
        ("plan = 7", "it is no table."),
    ],
)
def test_a_wrong_table_is_a_sentence_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlanError) as rejected:
        read_plan_table(write(tmp_path, text), tmp_path)
    assert str(rejected.value).startswith("[plan] of dev.toml: ")
    assert message in str(rejected.value)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        read_plan_table(tmp_path / "none.toml", tmp_path)
    with pytest.raises(PlanError, match="is not TOML: "):
        read_plan_table(write(tmp_path, "[plan"), tmp_path)
