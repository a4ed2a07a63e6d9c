"""The page of a plan: complete, the same bytes for the same plan, and nothing in it that a name could inject."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from async_endpoint.operations.plan_report.page import MARK, StageReport, render
from async_endpoint.planner.traffic import DAY
from tests.operations.plan_report.drawn import charts
from tests.operations.plan_report.plans import DAYS, planned, report
from tests.planner.stages import arriving

HOSTILE = "<script>alert(1)</script>\"'&<img src=//example.com/x onerror=alert(1)>\x07\udc80$x$"


class Elements(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def stage() -> StageReport:
    return planned("dev")


@pytest.fixture(scope="module")
def page(stage: StageReport) -> str:
    return render(report(stage))


def test_the_same_plan_gives_the_same_page(page: str) -> None:
    assert render(report(planned("dev"))) == page
    assert render(report(planned("dev", seed=1))) != page


def test_a_page_loads_nothing(page: str) -> None:
    elements = Elements(page).elements
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & {tag for tag, _ in elements}
    attributes = {name for _, each in elements for name in each}
    assert not attributes & {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
    assert not re.search(r"https?://|url\(|@import", page)
    policy = {each.get("content") for tag, each in elements if tag == "meta" and "http-equiv" in each}
    assert policy == {"default-src 'none'; style-src 'unsafe-inline'"}


def test_a_name_is_text_wherever_it_comes(stage: StageReport) -> None:
    bill = replace(stage.bill, not_priced=(HOSTILE,))
    named = replace(stage, name=HOSTILE, stage=replace(stage.stage, endpoint_name=HOSTILE), bill=bill)
    page = replace(report(named), facts=[(HOSTILE, HOSTILE)], notes=[HOSTILE], command=HOSTILE)
    found = Elements(render(page))
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in Elements(render(report(stage))).elements}
    assert not any(name.startswith("on") for _, each in found.elements for name in each)
    shown = HOSTILE.replace("\x07", "\N{REPLACEMENT CHARACTER}").replace("\udc80", "\N{REPLACEMENT CHARACTER}")
    # The title, two headings, the command, a fact's label and value, a note, the endpoint, and what has no price.
    assert sum(text.count(shown) for text in found.texts) == 9
    assert render(page).encode()


def test_a_page_has_each_line_of_the_bill_with_its_source(page: str, stage: StageReport) -> None:
    texts = Elements(page).texts
    for line in stage.bill.lines:
        assert line.price is not None
        place = texts.index("instance hours" if line.name == "instances" else line.name)
        row = [text for text in texts[place : place + 12] if text.strip()][:6]
        assert row[3:] == [line.price.usage_type, line.price.source, line.price.quality]
    assert f"Bill of 30 days: USD {stage.bill.total:,.2f}" in page


def test_a_line_without_a_price_says_so(stage: StageReport) -> None:
    lines = (replace(stage.bill.lines[0], price=None), *stage.bill.lines[1:])
    page = render(report(replace(stage, bill=replace(stage.bill, lines=lines))))
    assert "no price" in Elements(page).texts
    assert re.search(r"Bill of 30 days: USD [\d.]+ without instances", page)


def test_a_page_has_the_whole_and_the_busiest_day(page: str, stage: StageReport) -> None:
    (busiest,) = stage.history.buckets(stage.history.busiest_day(), stage.history.busiest_day() + DAY, DAY)
    texts = Elements(page).texts
    assert f"{DAYS} days from a Monday, {stage.outcome.requests:,} requests" in texts
    assert any(re.fullmatch(rf"The busiest day: ..., day \d, {busiest.arrived:,} requests", text) for text in texts)
    spans = ("all-backlog", "all-instances", "all-waits", "day-backlog", "day-instances", "day-waits", "shares")
    assert {f"s1-{span}-{size}" for span in spans for size in ("wide", "narrow")} == charts(page).keys()


def test_each_chart_has_a_text_instead_and_its_numbers_in_a_table(page: str, stage: StageReport) -> None:
    for chart in charts(page).values():
        assert chart.element.get("role") == "img"
        assert chart.description.endswith(".")
    for number, day in enumerate(stage.history.buckets(0, DAYS * DAY, DAY), start=1):
        row = re.search(rf'data-head="day">..., day {number}</td>(.*?)</tr>', page, re.DOTALL)
        assert row
        cells = re.findall(r">([^<>]+)</td>", row[1])
        assert cells[:2] == [f"{day.arrived:,}", f"{day.most_waiting:,}"]
        assert cells[3] == str(day.most_in_service)


def test_one_day_is_there_once() -> None:
    page = render(report(planned("dev", arriving(10, 20, 30, seconds=DAY))))
    assert {name.split("-")[1] for name in charts(page)} == {"day", "shares"}
    assert "The busiest day: Mon, day 1, 3 requests" in page


def test_a_long_simulation_has_weeks_in_its_table() -> None:
    page = render(report(planned("dev", arriving(10, 90 * DAY, seconds=100 * DAY))))
    assert page.count('data-head="week from">') == 15
    assert 'data-head="day">' not in page


def test_stages_have_ids_and_charts_of_their_own(stage: StageReport) -> None:
    page = render(report(stage, stage))
    ids = [each["id"] for _, each in Elements(page).elements if "id" in each]
    assert len(ids) == len(set(ids)) == 2 * 14 * 2  # a title and a text of each chart
    assert "What these stages would cost" in page


def test_the_shares_of_all_waits_are_of_all_requests() -> None:
    page = render(report(planned("dev", arriving(*range(100), seconds=2 * DAY))))
    percent = [float(each) for each in re.findall(r'<span style="width:([\d.]+)%">', page)]
    assert sum(percent) == pytest.approx(100, abs=1)


def test_a_page_is_marked_at_its_beginning(page: str) -> None:
    assert MARK in page[:1_024]
