"""Templates: every value is text, a missing value is an error, and tables are whole."""

from importlib import resources

import pytest
from jinja2 import StrictUndefined, UndefinedError

from async_endpoint.emulator.console import rendering

HOSTILE = """<script>alert("1")</script> & 'q' {{ 7 * 7 }}\x1b"""
ESCAPED = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;q&#39; {{ 7 * 7 }}\ufffd"
TABLE = """{% from "macros.html" import cell, table %}
{% call(row) table(caption, ["id", "count"], rows, "None.") %}
{{ cell("id", row[0]) }}
{% call cell("count") %}<b>{{ row[1] }}</b>{% endcall %}
{% endcall %}"""


def rendered(source: str, **values: object) -> str:
    """What a template of a test makes of values, with the pages' own settings."""
    return rendering._ENVIRONMENT.from_string(source).render(values)


def test_a_users_text_is_never_markup() -> None:
    assert rendered("<p title='{{ text }}'>{{ text }}</p>", text=HOSTILE) == f"<p title='{ESCAPED}'>{ESCAPED}</p>"


def test_no_template_switches_escaping_off() -> None:
    templates = resources.files("async_endpoint.emulator.console").joinpath("templates")
    sources = {entry.name: entry.read_text(encoding="utf-8") for entry in templates.iterdir()}
    assert {"layout.html", "index.html", "endpoint.html", "macros.html"} <= sources.keys()
    for name, source in sources.items():
        assert "|safe" not in source.replace(" ", ""), name
        assert "autoescape" not in source, name


def test_a_value_that_is_missing_is_an_error() -> None:
    assert rendering._ENVIRONMENT.undefined is StrictUndefined
    with pytest.raises(UndefinedError, match="reason"):
        rendered("{{ reason }}")


def test_a_table_has_a_caption_named_columns_and_escaped_cells() -> None:
    found = rendered(TABLE, caption="What <is>", rows=[(HOSTILE, 3)])
    assert "<caption>What &lt;is&gt;</caption>" in found
    assert found.count('<th role="columnheader" scope="col">') == 2
    assert f'<td role="cell" data-head="id"><div>{ESCAPED}</div></td>' in found
    assert '<td role="cell" data-head="count"><div><b>3</b></div></td>' in found
    assert "None." not in found


def test_a_table_without_rows_says_so_over_its_whole_width() -> None:
    assert 'colspan="2">None.</td>' in rendered(TABLE, caption="What", rows=[])


def test_a_badge_has_its_state_and_a_class() -> None:
    found = rendered('{% from "macros.html" import badge %}{{ badge("INSUFFICIENT_DATA") }}')
    assert found.strip() == '<span class="badge insufficient-data">INSUFFICIENT_DATA</span>'
