import pytest

from stacks.settings.fields import SettingsError
from stacks.settings.scaling import ScalingSettings
from tests.stacks.settings.checks import check_choices, check_range, check_switch, rejection

WINDOW = {"name": "office-hours", "start": "08:00", "end": "19:00", "time_zone": "Asia/Tokyo"}


@pytest.mark.parametrize("name", ["enabled", "hard_stop", "wake_on_submit"])
def test_a_switch_is_on_or_off(name: str) -> None:
    check_switch(ScalingSettings, name)


@pytest.mark.parametrize(
    ("table", "wakes"),
    [({}, True), ({"wake_on_submit": False}, False), ({"enabled": False}, False), ({"min_instances": 1}, False)],
)
def test_submissions_wake_an_endpoint_that_can_sleep(table: dict[str, object], *, wakes: bool) -> None:
    assert ScalingSettings.from_table(table).wakes_on_submit is wakes


def test_the_preset_is_one_of_two() -> None:
    check_choices(ScalingSettings, "preset", "responsive", "aws")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("min_instances", 0, 1000),
        ("max_instances", 1, 1000),
        ("backlog_per_instance", 1, 100_000),
        ("scale_out_cooldown_seconds", 0, 86_400),
        ("scale_in_cooldown_seconds", 0, 86_400),
        ("wake_cooldown_seconds", 0, 86_400),
        ("idle_utilization_percent", 1, 100),
    ],
)
def test_every_number_has_a_range(name: str, low: int, high: int) -> None:
    others = {"max_instances": 1000} if name == "min_instances" else {}
    check_range(ScalingSettings, name, low=low, high=high, **others)


def test_the_fewest_instances_are_not_more_than_the_most() -> None:
    assert rejection(ScalingSettings, min_instances=3) == (
        "scaling.min_instances is 3 and scaling.max_instances 2; the smaller must not exceed the larger: lower "
        "min_instances or raise max_instances."
    )


def test_the_highest_floor_is_that_of_the_windows() -> None:
    assert ScalingSettings.from_table({"min_instances": 1}).highest_floor == 1
    assert ScalingSettings.from_table({"warm_windows": [WINDOW | {"min_instances": 2}]}).highest_floor == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"enabled": False, "warm_windows": [WINDOW]}, "only scaling opens and closes them"),
        ({"warm_windows": [WINDOW | {"min_instances": 3}]}, "office-hours is 3; .* not above scaling.max_instances, 2"),
        ({"warm_windows": [WINDOW], "min_instances": 1}, "it must be above scaling.min_instances, 1"),
        ({"warm_windows": [WINDOW, WINDOW]}, 'two windows named "office-hours"'),
        (
            {"warm_windows": [WINDOW, WINDOW | {"name": "late", "start": "19:00", "end": "20:00"}]},
            "office-hours and late overlap or touch",
        ),
        (
            {"warm_windows": [WINDOW, WINDOW | {"name": "late", "start": "20:00", "end": "21:00", "time_zone": "UTC"}]},
            "office-hours and late overlap or touch",
        ),
    ],
)
def test_windows_fit_into_the_range_and_beside_each_other(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ScalingSettings.from_table(table)


def test_windows_of_different_days_or_hours_are_accepted() -> None:
    late = WINDOW | {"name": "late", "start": "19:01", "end": "20:00"}
    weekend = WINDOW | {"name": "weekend", "days": "SAT,SUN", "time_zone": "UTC"}
    assert len(ScalingSettings.from_table({"warm_windows": [WINDOW, late, weekend]}).warm_windows) == 3


@pytest.mark.parametrize("wrong", ["always", [WINDOW, "always"], [{**WINDOW, "name": f"w{n}"} for n in range(11)], {}])
def test_windows_are_an_array_of_tables(wrong: object) -> None:
    message = rejection(ScalingSettings, warm_windows=wrong)
    assert message.startswith("scaling.warm_windows is ")
    assert message.endswith("; it must be at most 10 tables, each headed [[scaling.warm_windows]].")


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (WINDOW | {"begin": "07:00"}, "warm_windows.begin is not a setting; the settings here are name, days, "),
        (WINDOW | {"min_instance": 1}, "is not a setting; the nearest name is scaling.warm_windows.min_instances."),
        (WINDOW | {"days": "MO-FR"}, 'warm_windows.days is "MO-FR"; it must be days, such as MON-FRI or SAT,SUN.'),
        ({"start": "08:00", "end": "09:00"}, "scaling.warm_windows.name is missing; add it: it has no default."),
    ],
)
def test_a_problem_inside_a_window_is_named_with_its_table(window: dict[str, object], message: str) -> None:
    other = WINDOW | {"name": "weekend", "days": "SAT,SUN"}
    assert message in rejection(ScalingSettings, warm_windows=[other, window])
