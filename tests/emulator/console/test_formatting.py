"""Values as the pages show them."""

import json

from markupsafe import Markup

from async_endpoint.emulator.console.formatting import css_class, indented, iso_time, short_time, showable

AT = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def test_what_no_page_can_show_is_replaced() -> None:
    assert showable("a\x00b\x1bc\ud800d\te\nf") == "a\ufffdb\ufffdc\ufffdd\te\nf"
    assert showable(3) == 3
    assert isinstance(showable(Markup("<br>")), Markup)


def test_a_state_has_a_class_of_its_own() -> None:
    assert css_class("INSUFFICIENT_DATA") == "insufficient-data"


def test_a_time_has_its_date_only_on_another_day() -> None:
    assert iso_time(AT) == "2027-01-15T08:00:00Z"
    assert short_time(AT, AT + 60) == "08:00:00"
    assert short_time(AT, AT + 86_400) == "15 Jan 08:00:00"


def test_short_json_stays_on_a_line_and_long_json_is_indented() -> None:
    assert indented({"total": "12.50"}) == '{"total": "12.50"}'
    value = {"store": "MINT GRILL", "items": [{"name": "RICE", "price": "11.01"}] * 3, "none": []}
    assert indented(value) == (
        '{\n  "store": "MINT GRILL",\n  "items": [\n'
        '    {"name": "RICE", "price": "11.01"},\n'
        '    {"name": "RICE", "price": "11.01"},\n'
        '    {"name": "RICE", "price": "11.01"}\n'
        '  ],\n  "none": []\n}'
    )
    assert json.loads(indented(value)) == value
