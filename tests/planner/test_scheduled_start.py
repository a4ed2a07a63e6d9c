"""The bounds with which a simulation begins, within a window or outside one."""

from typing import Any

import pytest

from async_endpoint.planner import Scaling
from async_endpoint.planner.scheduled_start import as_scheduled_by
from async_endpoint.planner.traffic import DAY, MONDAY


def action(expression: str, least: int, zone: str = "Asia/Tokyo", **others: Any) -> dict[str, Any]:
    return {"Schedule": expression, "Timezone": zone, "ScalableTargetAction": {"MinCapacity": least}} | others


def bounds(*actions: dict[str, Any], moment: float = MONDAY) -> tuple[int, int]:
    found = as_scheduled_by(Scaling(minimum=0, maximum=4, schedules=actions), moment)
    return found.minimum, found.maximum


def working_days(first: str, last: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return action(f"cron(0 {first} ? * MON-FRI *)", 2), action(f"cron(0 {last} ? * MON-FRI *)", 0)


@pytest.mark.parametrize(
    ("first", "last", "least"),
    [("8", "19", 2), ("9", "19", 2), ("10", "19", 0), ("1", "9", 0), ("1", "8", 0)],  # midnight UTC is 9:00 in Tokyo
)
def test_a_window_that_is_open_at_the_beginning_has_its_minimum(first: str, last: str, least: int) -> None:
    assert bounds(*working_days(first, last)) == (least, 4)


def test_the_order_of_the_actions_does_not_matter() -> None:
    assert bounds(*reversed(working_days("8", "19"))) == (2, 4)


def test_a_window_of_the_week_is_found_days_later() -> None:
    weekend = (action("cron(0 12 ? * SAT *)", 1, "UTC"), action("cron(0 12 ? * MON *)", 0, "UTC"))
    assert bounds(*weekend) == (1, 4)
    assert bounds(*weekend, moment=MONDAY + DAY) == (0, 4)


def test_an_action_may_set_the_maximum() -> None:
    night = action("cron(0 22 * * ? *)", 1) | {"ScalableTargetAction": {"MaxCapacity": "1"}}
    assert bounds(night) == (0, 1)


@pytest.mark.parametrize(
    "other",
    [
        action("rate(1 hour)", 3),
        action("at(2026-12-01T00:00:00)", 3),
        action("cron(0 8 * * ? *)", 3, StartTime="2026-12-01T00:00:00Z"),
        action("every now and then", 3),
        action("cron(0 8 * * ? *)", 3, ScalableTargetAction={"MinCapacity": "many"}),
        {"ScalableTargetAction": {"MinCapacity": 3}},
    ],
)
def test_other_actions_change_nothing(other: dict[str, Any]) -> None:
    assert bounds(other) == (0, 4)
