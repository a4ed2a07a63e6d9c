"""Values as the pages show them: times, JSON, and text without what no page can show."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from async_endpoint.emulator.console.overview import Json
from async_endpoint.emulator.hosting.history import RESULT_BYTES_KEPT

# Control characters but tab and line feed have no place in HTML, nor have halves of surrogate pairs.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SHORT_LINE = 60


def showable(value: object) -> object:
    """Returns a text with replacement characters for what no page can show, and anything else as it is.

    Markup is left as it is: its parts have passed through here before.
    """
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return _NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def iso_time(at: float) -> str:
    """Returns a moment in epoch seconds as ISO 8601, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def short_time(at: float, now: float) -> str:
    """Returns the time of day of a moment in epoch seconds, UTC, with its date unless that is the date of `now`."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC).date()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%-d %b %H:%M:%S}"


def count_states(alarms: Iterable[Json]) -> str:
    """Returns how many alarms are in each state, those in ALARM first; empty without alarms."""
    counts = Counter(alarm["state"] for alarm in alarms)
    return ", ".join(f"{counts[state]} {state}" for state in ("ALARM", "INSUFFICIENT_DATA", "OK") if counts[state])


def css_class(state: str) -> str:
    """Returns the CSS class of a state such as `InService` or `INSUFFICIENT_DATA`."""
    return re.sub(r"[^a-z]", "-", state.lower())


def indented(value: object, indent: int = 0) -> str:
    """Returns JSON over several lines, with short values on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) <= _SHORT_LINE - indent:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        begin, end = "{}"
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {indented(item, inner)}" for key, item in value.items()]
    else:
        begin, end = "[]"
        parts = [indented(item, inner) for item in value]
    between = ",\n" + " " * inner
    return f"{begin}\n{' ' * inner}{between.join(parts)}\n{' ' * indent}{end}"


def readable_result(document: Json) -> str:
    """Returns a document's result, indented where it is complete and JSON."""
    text: str = document["result"]
    if document["result_bytes"] > RESULT_BYTES_KEPT:
        return text
    try:
        return indented(json.loads(text))
    except (ValueError, RecursionError):
        return text
