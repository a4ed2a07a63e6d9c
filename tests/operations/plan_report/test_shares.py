"""How long requests wait: shares that a reader can check."""

import pytest

from async_endpoint.operations.plan_report.shares import ranges, shares_chart
from tests.operations.plan_report.drawn import charts, points

WAITS = [0.0] * 50 + [0.1, 0.5, 1.0, 30.0] + [60.0] * 40 + [400.0] * 5 + [30_000.0]


def test_each_wait_is_in_one_range() -> None:
    found = dict(ranges(WAITS))
    assert sum(found.values()) == len(WAITS)
    assert (found["up to 0.1 s"], found["0.1 to 1 s"], found["10 s to 1 min"], found["more than 6 h"]) == (51, 2, 41, 1)


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_line_rises_to_the_share_of_the_requests_within_a_time(size: str) -> None:
    chart = charts(shares_chart(WAITS, max(WAITS), "s1"))[f"s1-shares-{size}"]
    (line,) = (each for each in chart.element.iter("path") if each.get("class") == "line waiting")
    (begins, *_), at = list(points(line.attrib["d"])), {}
    for each in chart.element.iter("text"):
        if each.get("class") == "time":
            at[each.text] = float(each.attrib["x"])
    zero, all_of_them = (
        next(float(each.attrib["y"]) for each in chart.element.iter("text") if each.text == text)
        for text in ("0 %", "100 %")
    )

    def share(x: float) -> float:
        return next((zero - y) / (zero - all_of_them) for right, y in reversed(heights) if right <= x)

    heights = list(points(line.attrib["d"]))
    assert (zero - begins[1]) / (zero - all_of_them) == pytest.approx(0.51, abs=0.01)
    assert share(at["10 s"]) == pytest.approx(0.53, abs=0.01)
    assert share(at["10 min"]) == pytest.approx(0.99, abs=0.01)
    assert heights[-1][1] == pytest.approx(all_of_them, abs=0.1)
    assert "within 10 s: 53.0%; within 1 min: 94.0%; within 10 min: 99.0%" in chart.description


def test_without_a_request_there_is_a_sentence() -> None:
    chart = charts(shares_chart([], 0, "s1"))["s1-shares-wide"]
    assert chart.labels("empty") == [chart.description] == ["No request was processed."]
