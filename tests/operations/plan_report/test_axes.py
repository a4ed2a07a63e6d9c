"""The axes of a plan's charts: labels that people read, as many as there is room for."""

import pytest

from async_endpoint.operations.plan_report.axes import Calendar, NumberAxis
from async_endpoint.planner.traffic import DAY, MONDAY

HOUR = 3_600
UNDATED = Calendar(MONDAY, is_dated=False)
FRIDAY = Calendar(MONDAY - 3 * DAY, is_dated=True)  # 1 January 2027


def test_days_of_described_traffic_have_numbers_and_others_dates() -> None:
    assert UNDATED.moment(7 * DAY + 6.5 * HOUR) == "Mon, day 8, 06:30"
    assert FRIDAY.moment(DAY) == "Sat, 2 Jan, 00:00"
    assert UNDATED.days(30 * DAY) == "30 days from a Monday"
    assert FRIDAY.days(DAY) == "1 day from Fri, 1 Jan 2027"


def test_a_month_is_labelled_on_mondays_and_a_day_by_its_hours() -> None:
    assert [label for _, label in UNDATED.ticks(0, 30 * DAY, 12)] == [f"Mon, day {day}" for day in (1, 8, 15, 22, 29)]
    assert FRIDAY.ticks(0, 30 * DAY, 12)[0] == (3 * DAY, "Mon, 4 Jan")
    assert [label for _, label in UNDATED.ticks(DAY, 2 * DAY, 4)] == ["00:00", "06:00", "12:00", "18:00"]


@pytest.mark.parametrize("most", [3, 4, 6, 12])
@pytest.mark.parametrize("days", [1, 2, 3, 7, 30, 62, 400])
def test_there_are_no_more_labels_than_there_is_room_for(days: int, most: int) -> None:
    ticks = UNDATED.ticks(0, days * DAY, most)
    assert 1 <= len(ticks) <= most
    assert all(0 <= at < days * DAY for at, _ in ticks)


def test_weekends_are_saturday_and_sunday() -> None:
    assert [UNDATED.is_weekend(day * DAY) for day in range(7)] == [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (500, ["0", "100", "200", "300", "400", "500"]),
        (4_321, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_counts_are_whole_and_have_separators(highest: int, labels: list[str]) -> None:
    axis = NumberAxis.of_counts(highest)
    assert [label for _, label in axis.labels()] == labels
    assert axis.top >= highest


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0.0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
        (90, ["0 s", "20 s", "40 s", "60 s", "80 s", "100 s"]),
        (20 * 60, ["0 min", "5 min", "10 min", "15 min", "20 min"]),
        (6 * HOUR, ["0 h", "2 h", "4 h", "6 h"]),
    ],
)
def test_waits_have_the_unit_that_fits(highest: float, labels: list[str]) -> None:
    axis = NumberAxis.of_seconds(highest)
    assert [label for _, label in axis.labels()] == labels
    assert axis.top >= highest
    assert axis.labels()[-1][0] == axis.top
