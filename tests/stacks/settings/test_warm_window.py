import pytest

from stacks.settings.warm_window import WarmWindow
from tests.stacks.settings.checks import check_range, check_text, rejection

WINDOW = {"name": "office-hours", "start": "08:00", "end": "19:00", "time_zone": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("name", ("Office", "9to5", "o" * 32), "a short lower-case name, such as office-hours"),
        ("days", ("MO-FR", "MON-", "mon", "MON FRI"), "days, such as MON-FRI or SAT,SUN"),
        ("start", ("8:00", "24:00", "08:60"), "a time of day, such as 08:00"),
        ("end", ("19", "19:00:00"), "a time of day, such as 08:00"),
        ("time_zone", ("Europe/Vienn", "JST-9"), "the name of a time zone, such as Asia/Tokyo or UTC"),
    ],
)
def test_texts_have_their_form(name: str, wrong: tuple[str, ...], allowed: str) -> None:
    others = {key: value for key, value in WINDOW.items() if key != name}
    check_text(WarmWindow, name, *wrong, allowed=allowed, **others)


def test_a_window_keeps_at_least_one_instance() -> None:
    check_range(WarmWindow, "min_instances", low=1, high=1000, **WINDOW)


@pytest.mark.parametrize("end", ["07:00", "08:00"])
def test_a_window_ends_after_it_starts(end: str) -> None:
    assert rejection(WarmWindow, **WINDOW | {"end": end}) == (
        f'scaling.warm_windows.end is "{end}" and start "08:00"; a window ends on the day on which it starts: take a '
        "later end, or two windows for a night."
    )


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("MON-FRI", {0, 1, 2, 3, 4}),
        ("SAT,SUN", {5, 6}),
        ("SAT-MON", {5, 6, 0}),
        ("WED", {2}),
        ("MON,WED-THU", {0, 2, 3}),
    ],
)
def test_days_are_single_ones_and_ranges(days: str, weekdays: set[int]) -> None:
    assert WarmWindow.from_table(WINDOW | {"days": days}).weekdays == weekdays
