"""Durations: constants and percentiles."""

import random

import pytest

from async_endpoint.planner import Durations, PlanError


def source(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a simulation


def test_a_constant_is_always_the_same() -> None:
    found = Durations.parse("0.28")
    assert set(found.draw_many(5, source(1))) == {found.draw(source(1))} == {0.28}


def test_draws_have_the_percentiles_and_the_mean() -> None:
    found = Durations.parse("p0=1, p50=2,p95=8,p99=20")
    drawn = sorted(found.draw_many(100_000, source(3)))
    for percent, seconds in ((50, 2), (95, 8), (99, 20)):
        assert drawn[percent * 1_000 - 1] == pytest.approx(seconds, rel=0.05)
    assert drawn[0] == pytest.approx(1, abs=0.01)
    assert drawn[-1] == 20
    # By hand: half of it from 1 to 2, 45 % from 2 to 8, 4 % from 8 to 20, 1 % at 20.
    assert sum(drawn) / len(drawn) == pytest.approx(0.75 + 2.25 + 0.56 + 0.2, rel=0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "'soon' is no duration"),
        ("", "'' is no duration"),
        ("1,2", "'1,2' is no duration"),
        ("p50=x", "'p50=x' is no duration"),
        ("-1", "not negative: '-1' cannot be used"),
        ("inf", "not negative: 'inf' cannot be used"),
        ("p95=2,p50=1", "do not ascend"),
        ("p50=2,p95=1", "do not ascend"),
        ("p50=2,p101=3", "go from p0 to p100"),
    ],
)
def test_a_wrong_duration_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Durations.parse(text)
