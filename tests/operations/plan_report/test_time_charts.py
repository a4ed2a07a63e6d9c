"""The charts over time show what was simulated: their highest points are counted here from the requests themselves."""

import itertools
import math

import pytest

from async_endpoint.operations.plan_report.axes import Calendar
from async_endpoint.operations.plan_report.page import StageReport
from async_endpoint.operations.plan_report.time_charts import panels_of, time_charts
from async_endpoint.planner.traffic import DAY
from tests.operations.plan_report.drawn import Drawn, charts
from tests.operations.plan_report.plans import planned
from tests.planner.stages import arriving

SIZES = ("wide", "narrow")


def drawn(stage: StageReport, begin: float, end: float) -> dict[str, Drawn]:
    calendar = Calendar.from_history(stage.history)
    panels, _ = panels_of(stage.history, calendar, begin, end)
    return charts("".join(time_charts(panels, calendar, (begin, end), "s1", []).values()))


@pytest.fixture(scope="module")
def stage() -> StageReport:
    return planned("dev")


def top_of(chart: Drawn) -> float:
    return float(chart.labels("number")[-1].split()[0].replace(",", ""))


@pytest.mark.parametrize("size", SIZES)
def test_the_highest_backlog_is_that_of_all_requests(stage: StageReport, size: str) -> None:
    history = stage.history
    events = sorted([*((at, 1) for at in history.arrivals), *((at, -1) for at in history.left)])  # leaving comes first
    most = max(itertools.accumulate(change for _, change in events))
    chart = drawn(stage, 0, history.seconds)[f"s1-backlog-{size}"]
    assert chart.highest("waiting") * top_of(chart) == pytest.approx(most, abs=top_of(chart) / 100)
    assert f"At most {most:,} requests waited, on " in chart.description


@pytest.mark.parametrize("size", SIZES)
def test_the_instances_are_those_that_were_desired_and_that_served(stage: StageReport, size: str) -> None:
    chart = drawn(stage, 0, stage.history.seconds)[f"s1-instances-{size}"]
    most = max(count for _, count in stage.outcome.changes)
    assert chart.highest("desired") * top_of(chart) == pytest.approx(most)
    assert chart.highest("serving") * top_of(chart) == pytest.approx(most)
    assert f"At most {most} in service" in chart.description


@pytest.mark.parametrize("size", SIZES)
def test_the_highest_wait_is_the_slowest_half_hours_p95(stage: StageReport, size: str) -> None:
    chart = drawn(stage, 0, stage.history.seconds)[f"s1-waits-{size}"]
    halves: dict[int, list[float]] = {}  # hours
    for arrival, wait in zip(stage.history.arrivals, stage.outcome.waits, strict=False):
        halves.setdefault(int(arrival // 1_800), []).append(wait)
    slowest = max(sorted(waits)[math.ceil(0.95 * len(waits)) - 1] for waits in halves.values())
    assert chart.labels("number")[-1].endswith(" min")
    assert chart.highest("p95") * top_of(chart) * 60 == pytest.approx(slowest, rel=0.02)


def test_all_charts_of_a_span_have_one_axis_of_times(stage: StageReport) -> None:
    found = drawn(stage, 0, stage.history.seconds)
    for size in SIZES:
        ticks = {
            tuple((each.get("x"), each.text) for each in chart.element.iter("text") if each.get("class") == "time")
            for name, chart in found.items()
            if name.endswith(size)
        }
        assert len(ticks) == 1
    assert found["s1-waits-wide"].labels("time")[:2] == ["Mon, day 1", "Tue, day 2"]


def test_a_day_of_it_has_hours_and_its_own_peak(stage: StageReport) -> None:
    found = drawn(stage, 2 * DAY, 3 * DAY)
    assert found["s1-backlog-wide"].labels("time")[:3] == ["00:00", "02:00", "04:00"]
    (day,) = stage.history.buckets(2 * DAY, 3 * DAY, DAY)
    assert f"At most {day.most_waiting:,} requests waited, on Wed, day 3, " in found["s1-backlog-wide"].description


def test_what_is_nothing_is_a_sentence() -> None:
    found = drawn(planned("never", arriving(seconds=DAY)), 0, DAY)
    empty = {name: chart.labels("empty") for name, chart in found.items() if name.endswith("wide")}
    assert empty == {
        "s1-backlog-wide": ["No request waited."],
        "s1-instances-wide": ["No instance."],
        "s1-waits-wide": ["No request was processed."],
    }
    assert all(found[name].description.endswith(texts[0]) for name, texts in empty.items())
