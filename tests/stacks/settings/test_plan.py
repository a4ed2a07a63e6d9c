"""The settings that only a plan reads."""

import pytest

from stacks.settings.plan import PlanSettings
from tests.stacks.settings.checks import check_range, check_text, rejection

ENOUGH: dict[str, object] = {"pattern": "rate=1", "service_seconds": 0.28, "start_seconds": 240}


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in ENOUGH.items() if key != name}


def test_the_table_is_optional() -> None:
    assert not any(vars(PlanSettings.from_table({})).values())


def test_times_are_numbers_or_percentiles() -> None:
    made = PlanSettings.from_table(ENOUGH | {"service_seconds": "p50=0.2,p95=0.8"})
    assert (made.service_seconds, made.start_seconds) == ("p50=0.2,p95=0.8", 240)


@pytest.mark.parametrize("name", ["service_seconds", "start_seconds"])
@pytest.mark.parametrize("wrong", [-1, 86_401, float("inf"), "", True, [1]])
def test_other_times_are_rejected(name: str, wrong: object) -> None:
    assert "it must be a number of seconds from 0 to 86400, or percentiles in quotes, such as p50=0.2,p95=0.8." in (
        rejection(PlanSettings, **ENOUGH | {name: wrong})
    )


def test_the_concurrency_has_a_range() -> None:
    check_range(PlanSettings, "concurrency", low=1, high=1000, **ENOUGH)


def test_the_price_region_is_a_region() -> None:
    words = "the name of a region, such as ap-northeast-1"
    check_text(PlanSettings, "price_region", "Tokyo", "us-east", allowed=words, **ENOUGH)


@pytest.mark.parametrize("name", ["service_seconds", "start_seconds"])
def test_a_plan_needs_both_times(name: str) -> None:
    message = f"plan.{name} is missing; add it, because a plan has no default for it."
    assert rejection(PlanSettings, **without(name)) == message


def test_a_plan_has_one_traffic() -> None:
    both = rejection(PlanSettings, **ENOUGH, arrivals="samples/arrivals.csv")
    neither = rejection(PlanSettings, **without("pattern"))
    assert both.startswith("[plan] has both plan.pattern and plan.arrivals; describe the traffic by one of the two")
    assert neither.startswith("[plan] has neither plan.pattern nor plan.arrivals; ")
