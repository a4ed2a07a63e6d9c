"""Markup of which no part can be forgotten to be escaped: what is not `Html` is text."""

import html as html_escapes
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from string import Template

# Control characters but tab and line feed have no place in HTML, nor have halves of surrogate pairs.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SHORT_LINE = 60


class Html(str):
    """Markup, as it is."""

    __slots__ = ()


Part = str | int | float


def html(part: Part) -> Html:
    """Markup of a part: itself, if it is markup, else its text, escaped."""
    if isinstance(part, Html):
        return part
    return Html(html_escapes.escape(_NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", str(part))))


def fill(template: str, **parts: Part) -> Html:
    """A template's markup, with a part for each `$name`."""
    return Html(Template(template).substitute({name: html(part) for name, part in parts.items()}))


def joined(parts: Iterable[Part]) -> Html:
    """The markup of parts, one after the other."""
    return Html("".join(html(part) for part in parts))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Part]], *, nothing: str) -> Html:
    """A table; its roles are spelt out, because a narrow screen shows rows as blocks.

    Args:
        caption: What it shows.
        heads: The columns' names.
        rows: A cell for each column.
        nothing: What to say in the place of no rows.
    """
    body = joined(fill('<tr role="row">$cells</tr>', cells=joined(_cells(heads, row))) for row in rows) or fill(
        '<tr role="row"><td role="cell" class="nothing" colspan="$n">$text</td></tr>', n=len(heads), text=nothing
    )
    return fill(
        '<table role="table"><caption>$caption</caption><thead role="rowgroup"><tr role="row">$heads</tr></thead>'
        '<tbody role="rowgroup">$body</tbody></table>',
        caption=caption,
        heads=joined(fill('<th role="columnheader" scope="col">$head</th>', head=head) for head in heads),
        body=body,
    )


def _cells(heads: Sequence[str], row: Sequence[Part]) -> Iterable[Html]:
    for head, cell in zip(heads, row, strict=True):
        yield fill('<td role="cell" data-head="$head"><div>$cell</div></td>', head=head, cell=cell)


def laid_out(value: object, indent: int = 0) -> str:
    """JSON over several lines, but what is short on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) <= _SHORT_LINE - indent:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        begin, end = "{}"
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {laid_out(item, inner)}" for key, item in value.items()]
    else:
        begin, end = "[]"
        parts = [laid_out(item, inner) for item in value]
    between = ",\n" + " " * inner
    return f"{begin}\n{' ' * inner}{between.join(parts)}\n{' ' * indent}{end}"


def badge(word: str) -> Html:
    """A state, with a colour of its own; the word says it all."""
    return fill('<span class="badge $kind">$word</span>', kind=re.sub(r"[^a-z]", "-", word.lower()), word=word)


def moment(at: float, now: float) -> Html:
    """A time of AWS's clock in UTC, with its date unless that is today's."""
    there, here = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    shown = f"{there:%H:%M:%S}" if there.date() == here.date() else f"{there:%-d %b %H:%M:%S}"
    return fill('<time datetime="$exact">$shown</time>', exact=f"{there:%Y-%m-%dT%H:%M:%SZ}", shown=shown)
