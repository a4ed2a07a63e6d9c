"""Markup: everything that is not markup by type is text, and looks as it was."""

import json

import pytest

from async_endpoint.emulator.console.markup import Html, badge, fill, html, joined, laid_out, moment, table

HOSTILE = """<script>alert("1")</script> & 'q' $name"""
ESCAPED = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;q&#x27; $name"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert html(HOSTILE) == ESCAPED
    assert html(html(HOSTILE)) == ESCAPED
    assert fill("<p>$text</p>", text=HOSTILE) == f"<p>{ESCAPED}</p>"
    assert joined([Html("<br>"), "<br>", 3]) == "<br>&lt;br&gt;3"


def test_what_no_page_can_show_is_replaced() -> None:
    assert html("a\x00b\x1bc\ud800d\te\nf") == "a\ufffdb\ufffdc\ufffdd\te\nf"


def test_a_table_has_a_caption_named_columns_and_escaped_cells() -> None:
    found = table("What <is>", ("id", "count"), [(HOSTILE, 3)], nothing="None.")
    assert "<caption>What &lt;is&gt;</caption>" in found
    assert found.count('<th role="columnheader" scope="col">') == 2
    assert f'<td role="cell" data-head="id"><div>{ESCAPED}</div></td>' in found
    assert "None." not in found


def test_a_table_without_rows_says_so_over_its_whole_width() -> None:
    assert 'colspan="2">None.</td>' in table("What", ("id", "count"), [], nothing="None.")


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table("What", ("id", "count"), [(1,)], nothing="None.")


def test_a_badge_says_its_state_and_has_its_class() -> None:
    assert badge("INSUFFICIENT_DATA") == '<span class="badge insufficient-data">INSUFFICIENT_DATA</span>'


def test_a_moment_has_its_date_only_on_another_day() -> None:
    at = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
    assert moment(at, at + 60) == '<time datetime="2027-01-15T08:00:00Z">08:00:00</time>'
    assert ">15 Jan 08:00:00<" in moment(at, at + 86_400)


def test_short_json_stays_on_a_line_and_long_json_is_indented() -> None:
    assert laid_out({"total": "12.50"}) == '{"total": "12.50"}'
    value = {"store": "MINT GRILL", "items": [{"name": "RICE", "price": "11.01"}] * 3, "none": []}
    assert laid_out(value) == (
        '{\n  "store": "MINT GRILL",\n  "items": [\n'
        '    {"name": "RICE", "price": "11.01"},\n'
        '    {"name": "RICE", "price": "11.01"},\n'
        '    {"name": "RICE", "price": "11.01"}\n'
        '  ],\n  "none": []\n}'
    )
    assert json.loads(laid_out(value)) == value
