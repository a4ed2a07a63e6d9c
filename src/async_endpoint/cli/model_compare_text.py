"""The report of a comparison, for a person (80 columns) and as JSON."""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from async_endpoint.counted import counted
from async_endpoint.operations.model.compare import ALONE, AT_ONCE
from async_endpoint.operations.model.compare_outcomes import Verdict
from async_endpoint.operations.model.compare_results import ABSENT

if TYPE_CHECKING:
    from async_endpoint.operations.model.compare import Measured, ModelComparison
    from async_endpoint.operations.model.compare_outcomes import Comparison, Outcome

_COLUMNS = 80
_VALUE_COLUMNS = 20
_SHOWN_DIFFERENCES = 10
_SHOWN_CHARACTERS = 200


def as_text(found: ModelComparison) -> str:
    """Returns the report; its first line is the verdict."""
    lines = [*_verdict(found), "", *_table(found)]
    for way, comparison in found.comparisons.items():
        lines += ["", *_compared(_way(found, way), comparison, found)]
    lines += _notes(found)
    for way, comparison in found.comparisons.items():
        if comparison.differences:
            lines += ["", *_differences(_way(found, way), comparison)]
    return "\n".join(lines)


def as_json(found: ModelComparison) -> dict[str, Any]:
    """Returns the report with all differences."""
    report = {
        "verdict": found.verdict.value,
        "reasons": found.reasons,
        "documents": found.documents,
        "folder_documents": found.folder_documents,
        "tolerance": found.rules.tolerance,
        "ignored": sorted(found.rules.ignored),
        "old": _side_as_json(found.old, found.unsteady[0]),
        "new": _side_as_json(found.new, found.unsteady[1]),
        "comparisons": [
            {"sent": way, **_comparison_as_json(comparison)} for way, comparison in found.comparisons.items()
        ],
    }
    finite: dict[str, Any] = _finite(report)
    return finite


def _verdict(found: ModelComparison) -> list[str]:
    names = f"{found.old.name} and {found.new.name}"
    count = counted(found.documents, "document")
    if found.verdict is Verdict.SAME:
        return _wrapped(f"THE SAME: {names} give the same results for all {count}.")
    if found.verdict is Verdict.UNDECIDED:
        reasons = "; ".join(found.reasons)
        return _wrapped(f"NOT DECIDED: {names} do not differ in what was compared, but {reasons}.")
    differing = {each.document for one in found.comparisons.values() for each in one.differences}
    part = f" (of {found.folder_documents} in the folder)" if found.documents < found.folder_documents else ""
    return _wrapped(f"DIFFERENT: {names} differ for {len(differing)} of {count}{part}.")


def _table(found: ModelComparison) -> list[str]:
    sides = (found.old, found.new)
    rows = [
        ("", [each.name for each in sides]),
        ("archive", [f"{each.archive_mb} MB" for each in sides]),
        ("start until the model is ready", [f"{each.load_seconds:.2f} s" for each in sides]),
        ("start until the first result", [f"{each.first_result_seconds:.2f} s" for each in sides]),
        ("most memory", [f"{each.peak_memory_mb} MB" for each in sides]),
        ("seconds a document, one at a time", [f"{each.seconds_alone:.4f}" for each in sides]),
        ("documents a second, one at a time", [f"{each.per_second[ALONE]:.2f}" for each in sides]),
    ]
    if AT_ONCE in found.comparisons:
        rows.append(("documents sent at once", [str(each.at_once) for each in sides]))
        rows.append(("seconds a document, at once", [f"{1 / each.per_second[AT_ONCE]:.4f}" for each in sides]))
        rows.append(("documents a second, at once", [f"{each.per_second[AT_ONCE]:.2f}" for each in sides]))
    statuses = sorted({label for each in sides for label in _statuses(each.alone)})
    rows += [(f"status {label}", [str(_statuses(each.alone)[label]) for each in sides]) for label in statuses]
    width = _COLUMNS - 2 * (_VALUE_COLUMNS + 1)
    return [f"{name:<{width}}" + "".join(f" {value:>{_VALUE_COLUMNS}}" for value in values) for name, values in rows]


def _statuses(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(each.label for each in outcomes)


def _way(found: ModelComparison, way: str) -> str:
    counts = sorted({found.old.at_once, found.new.at_once})
    return way if way == ALONE else f"{' and '.join(map(str, counts))} at once"


def _compared(way: str, comparison: Comparison, found: ModelComparison) -> list[str]:
    facts = [
        f"{comparison.equal:,} of {counted(comparison.documents, 'result')} equal",
        f"{comparison.rejected} rejected by both alike" if comparison.rejected else "",
        f"{comparison.failed} failed on both" if comparison.failed else "",
        f"{comparison.different} different" if comparison.different else "",
    ]
    lines = [f"Sent {way}: {', '.join(fact for fact in facts if fact)}."]
    lines += _wrapped(
        f"statuses equal: {comparison.statuses_equal} of {comparison.documents}; fields equal: "
        f"{comparison.equal_fields} of {comparison.fields}; {_numbers(comparison, found.rules.tolerance)}",
        "  ",
    )
    if comparison.left_out:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(comparison.left_out.items()))
        lines += _wrapped(f"not compared (--ignore): {names}", "  ")
    return lines


def _numbers(comparison: Comparison, tolerance: float) -> str:
    if not comparison.numbers:
        return "no numbers."
    if not comparison.largest:
        return f"{counted(comparison.numbers, 'number')}, exactly equal."
    return (
        f"{counted(comparison.numbers, 'number')}, the largest difference {comparison.largest:.2g} "
        f"(tolerance {tolerance:g}) in {comparison.largest_in}, {comparison.largest_at}."
    )


def _notes(found: ModelComparison) -> list[str]:
    lines = []
    for side, count in zip((found.old, found.new), found.unsteady, strict=True):
        if count:
            lines += _wrapped(
                f"{side.name} itself gives another result {side.at_once} at once than one at a time, for {count} of "
                f"{counted(found.documents, 'document')}."
            )
    return ["", *lines] if lines else []


def _differences(way: str, comparison: Comparison) -> list[str]:
    lines = [f"Differences, sent {way}:"]
    for each in comparison.differences[:_SHOWN_DIFFERENCES]:
        lines += _wrapped(f"{each.document}, {each.difference.field}", "  ")
        lines += _wrapped(f"old: {_shown(each.difference.old)}", "    ")
        lines += _wrapped(f"new: {_shown(each.difference.new)}", "    ")
    more = len(comparison.differences) - _SHOWN_DIFFERENCES
    return [*lines, f"  ... and {more} more (--json prints all)"] if more > 0 else lines


def _shown(value: Any) -> str:
    text = "(absent)" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    more = len(text) - _SHOWN_CHARACTERS
    return f"{text[:_SHOWN_CHARACTERS]}... ({counted(more, 'more character')})" if more > 0 else text


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _COLUMNS, initial_indent=indent, subsequent_indent=f"{indent}  " if indent else "", break_on_hyphens=False
    )


def _finite(value: Any) -> Any:
    """Returns a value of JSON as every parser takes it: NaN and the infinities, which Python reads, become texts."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _side_as_json(side: Measured, unsteady: int) -> dict[str, Any]:
    return {
        "image": side.name,
        "archive_mb": side.archive_mb,
        "load_seconds": round(side.load_seconds, 3),
        "first_result_seconds": round(side.first_result_seconds, 3),
        "peak_memory_mb": side.peak_memory_mb,
        "documents_at_once": side.at_once,
        "seconds_one_at_a_time": round(side.seconds_alone, 6),
        "documents_per_second": {way: round(rate, 3) for way, rate in side.per_second.items()},
        "statuses": dict(_statuses(side.alone)),
        "unsteady_documents": unsteady,
    }


def _comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    members = dict(vars(comparison))
    members["left_out"] = dict(comparison.left_out)
    members["differences"] = [
        {"document": each.document, "field": each.difference.field}
        | {
            name: value
            for name, value in (("old", each.difference.old), ("new", each.difference.new))
            if value is not ABSENT
        }
        for each in comparison.differences
    ]
    return members
