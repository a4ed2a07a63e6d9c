"""The page of a plan as a reader sees it: in a real browser, from a file, on a wide and a narrow screen."""

from pathlib import Path

import pytest

from async_endpoint.operations.plan_report.page import render
from tests.emulator.console.browser import CHROMIUM, browser
from tests.emulator.console.test_page_in_browser import CONTRAST, RIGHTMOST
from tests.operations.plan_report.plans import planned, report

HOSTILE = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
SHOWN = "[...document.querySelectorAll('.chart')].filter(e => e.getClientRects().length).map(e => e.classList[1])"
# The smallest letter of a chart, in pixels of the screen.
LETTERS = """Math.min(...[...document.querySelectorAll('.chart text')].filter(e => e.getClientRects().length)
    .map(e => 12 * e.closest('svg').getBoundingClientRect().width / e.closest('svg').viewBox.baseVal.width))"""


@pytest.mark.skipif(CHROMIUM is None, reason="NOT RUN: there is no chromium here (Debian: apt-get install chromium)")
def test_the_page_is_readable_everywhere_and_asks_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    file.write_text(render(report(planned(HOSTILE))), encoding="utf-8")
    with browser(tmp_path / "profile") as tab:
        for scheme in ("light", "dark"):
            for width, shown in ((1_280, "wide"), (390, "narrow")):
                tab.be(width, scheme)
                tab.show(file.as_uri())
                tab.look("document.querySelectorAll('details').forEach(each => { each.open = true })")
                assert tab.look(SHOWN) == [shown] * 7
                assert tab.look(LETTERS) >= 11
                assert tab.look(RIGHTMOST) <= width
                assert tab.look(CONTRAST) >= 4.5
                assert tab.look("document.title") == f"Plan of {HOSTILE}"
                assert tab.look("document.querySelectorAll('.hover title').length") == 3 * (9 + 24)
        assert tab.requested == [file.as_uri()] * 4
        assert tab.complaints == []
