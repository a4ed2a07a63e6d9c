"""Charts: what is drawn is what was, where the axes say it is."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.console.charts import SIZES, _number_step, backlog_chart, instances_chart
from async_endpoint.emulator.hosting.history import Point

MINUTE_1 = 1_800_000_000  # 08:00 UTC
HALF_AN_HOUR = 30 * MINUTE
SVG = "{http://www.w3.org/2000/svg}"


def drawn(markup: str) -> list[ET.Element]:
    """The chart in each of its sizes."""
    return list(ET.fromstring(f'<all xmlns="http://www.w3.org/2000/svg">{markup}</all>'))  # noqa: S314 - our own


def texts(chart: ET.Element, kind: str) -> list[str]:
    return [element.text or "" for element in chart.findall(f"{SVG}text[@class='{kind}']")]


def described(chart: ET.Element) -> str:
    return chart.findtext(f"{SVG}desc") or ""


def backlog(*points: Point) -> ET.Element:
    return drawn(backlog_chart(points, MINUTE_1, MINUTE_1 + HALF_AN_HOUR))[0]


def test_each_minute_with_requests_is_a_bar_as_high_as_they_were_many() -> None:
    chart = backlog(
        Point(MINUTE_1, 0, 0, 0, 0), Point(MINUTE_1 + MINUTE, 30, 10, 1, 1), Point(MINUTE_1 + 300, 20, 0, 0, 0)
    )
    first, second = chart.findall(f"{SVG}g[@class='minute']")
    assert first.findtext(f"{SVG}title") == "08:01: 30 waiting, 10 in flight"
    heights = {
        (index, rect.get("class")): float(rect.get("height", 0))
        for index, bar in enumerate((first, second))
        for rect in bar.findall(f"{SVG}rect")
    }
    assert heights[0, "waiting"] == pytest.approx(3 * heights[0, "in-flight"], rel=0.02)
    assert heights[1, "waiting"] == pytest.approx(2 * heights[0, "in-flight"], rel=0.02)
    assert heights[1, "in-flight"] == 0
    waiting, working = (first.find(f"{SVG}rect[@class='{kind}']") for kind in ("waiting", "in-flight"))
    assert waiting is not None
    assert working is not None
    assert float(waiting.get("y", 0)) + float(waiting.get("height", 0)) == pytest.approx(float(working.get("y", 0)))


def test_a_bar_stands_where_the_axis_has_its_minute() -> None:
    chart = backlog(Point(MINUTE_1 + 15 * MINUTE, 5, 0, 0, 0))
    labels = {label.text: float(label.get("x", 0)) for label in chart.findall(f"{SVG}text[@class='hour']")}
    bar = chart.find(f"{SVG}g/{SVG}rect")
    assert bar is not None
    assert float(bar.get("x", 0)) == labels["08:15"]


def test_numbers_and_times_are_labelled_at_even_steps() -> None:
    chart = backlog(Point(MINUTE_1, 34, 0, 0, 0))
    assert texts(chart, "number") == ["0", "10", "20", "30", "40"]
    assert texts(chart, "hour") == ["08:00", "08:05", "08:10", "08:15", "08:20", "08:25"]


def test_it_says_in_words_what_it_shows() -> None:
    chart = backlog(Point(MINUTE_1, 1200, 2, 0, 0), Point(MINUTE_1 + MINUTE, 3, 2, 0, 0))
    assert chart.get("role") == "img"
    names = (chart.get("aria-labelledby") or "").split()
    assert [chart.find(f"*[@id='{name}']") is not None for name in names] == [True, True]
    assert "Maximum: 1,200 waiting and 2 in flight at 08:00. Last: 3 waiting and 2 in flight." in described(chart)
    assert described(backlog()) == "No request in this time."
    assert described(drawn(instances_chart([], MINUTE_1, MINUTE_1 + MINUTE))[0]) == "No instance in this time."


def test_both_charts_come_in_both_sizes_with_names_of_their_own() -> None:
    points = [Point(MINUTE_1, 1, 1, 1, 1)]
    charts = drawn(backlog_chart(points, MINUTE_1, MINUTE_1 + 60) + instances_chart(points, MINUTE_1, MINUTE_1 + 60))
    assert [chart.get("class") for chart in charts] == [f"chart {size.name}" for size in SIZES] * 2
    ids = [element.get("id") for chart in charts for element in chart.iter() if element.get("id")]
    assert len(set(ids)) == len(ids) == 8


def steps(chart: ET.Element, kind: str) -> list[str]:
    return [path.get("d", "") for path in chart.findall(f"{SVG}path[@class='{kind}']")]


def test_instances_are_steps_at_the_minutes_in_which_they_changed() -> None:
    points = [
        Point(MINUTE_1, 0, 0, 0, 0),
        Point(MINUTE_1 + 10 * MINUTE // 2, 0, 0, 0, 2),
        Point(MINUTE_1 + 10 * MINUTE, 0, 0, 2, 2),
    ]
    (chart, _) = drawn(instances_chart(points, MINUTE_1, MINUTE_1 + HALF_AN_HOUR))
    left = 22.0
    width = SIZES[0].width - left - 12
    at = [round(left + width * share, 1) for share in (0, 5 / 30, 10 / 30, 11 / 30)]
    zero, two = 186.0, 12.0
    assert steps(chart, "running") == [f"M{at[0]} {zero} V{zero} H{at[1]} V{zero} H{at[2]} V{two} H{at[3]}"]
    assert steps(chart, "desired") == [f"M{at[0]} {zero} V{zero} H{at[1]} V{two} H{at[2]} V{two} H{at[3]}"]


def test_a_time_without_samples_is_a_gap_and_no_line() -> None:
    points = [Point(MINUTE_1, 0, 0, 1, 1), Point(MINUTE_1 + 20 * MINUTE, 0, 0, 1, 1)]
    (chart, _) = drawn(instances_chart(points, MINUTE_1, MINUTE_1 + HALF_AN_HOUR))
    first, second = steps(chart, "running")
    end = float(re.findall(r"H([\d.]+)", first)[-1])
    begin = float(re.findall(r"M([\d.]+)", second)[0])
    assert begin - end > 100


@pytest.mark.parametrize("highest", [0, 1, 4, 5, 6, 34, 100, 999, 12_345])
def test_an_axis_has_at_most_five_steps_of_round_numbers_and_room_for_the_highest(highest: int) -> None:
    chart = backlog(Point(MINUTE_1, highest, 0, 0, 0))
    numbers = [int(text.replace(",", "")) for text in texts(chart, "number")]
    step = _number_step(highest)
    assert {after - before for before, after in pairwise(numbers)} == {step}
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert numbers[-1] >= highest
    assert len(numbers) <= 6
