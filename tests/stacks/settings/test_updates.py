import pytest

from stacks.settings.updates import UpdateSettings
from tests.stacks.settings.checks import check_choices, check_range, check_switch, rejection


def test_the_strategy_is_one_of_four() -> None:
    check_choices(UpdateSettings, "strategy", "all-at-once", "canary", "linear", "rolling")


@pytest.mark.parametrize("name", ["rollback_on_alarms", "retain_capacity"])
def test_a_switch_is_on_or_off(name: str) -> None:
    check_switch(UpdateSettings, name)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("step_percent", 5, 50),
        ("wait_seconds", 0, 3600),
        ("termination_wait_seconds", 0, 3600),
        ("maximum_execution_seconds", 600, 28_800),
        ("rollback_failures", 1, 100_000),
    ],
)
def test_every_number_has_a_range(name: str, low: int, high: int) -> None:
    check_range(UpdateSettings, name, low=low, high=high, rollback_on_alarms=False)


def test_a_linear_step_is_larger_than_the_smallest_canary() -> None:
    assert rejection(UpdateSettings, strategy="linear", step_percent=9) == (
        'updates.step_percent is 9 and updates.strategy "linear"; a linear step is from 10 to 50 percent: raise it.'
    )
    assert UpdateSettings.from_table({"strategy": "linear", "step_percent": 10}).step_percent == 10


@pytest.mark.parametrize(
    ("table", "named", "watched"),
    [
        ({"termination_wait_seconds": 299}, "updates.termination_wait_seconds is 299", 299),
        ({"strategy": "rolling", "wait_seconds": 60}, "updates.wait_seconds is 60", 60),
        (
            {"strategy": "canary", "termination_wait_seconds": 100, "wait_seconds": 100},
            "updates.termination_wait_seconds is 100",
            200,
        ),
    ],
)
def test_rollback_alarms_have_time_to_go_off(table: dict[str, object], named: str, watched: int) -> None:
    message = rejection(UpdateSettings, **table)
    assert message.startswith(
        f"{named}: with rollback_on_alarms new instances must be watched for at least 300 seconds"
    )
    assert f"and would be for {watched}. Raise it, or set rollback_on_alarms = false." in message
    assert UpdateSettings.from_table({**table, "rollback_on_alarms": False}).baking_seconds == watched
