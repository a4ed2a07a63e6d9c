"""Compares two results of a model: JSON by its structure, anything else byte by byte. Pure.

Standard library only: it is also copied to machines that have nothing else of this package (tests/serving/gpu).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

# What the bundled handlers write beside a result (model_artifacts/code/results.py): the time that it took, the size of
# its batch, and the archive's digest, which differs between images.
IGNORED: Final = frozenset({"seconds", "read_together", "model_version"})
DEFAULT_TOLERANCE: Final = 1e-3
WHOLE: Final = "(whole result)"
_SHOWN_BYTES = 24


class _Absent(Enum):
    ABSENT = "(absent)"


ABSENT: Final = _Absent.ABSENT
"""The value of a field that one of the results does not have."""


@dataclass(frozen=True)
class Rules:
    """What counts as equal.

    Attributes:
        tolerance: The largest difference between two numbers of JSON that are equal.
        ignored: Names of members that are not compared, at any depth.
    """

    tolerance: float = DEFAULT_TOLERANCE
    ignored: frozenset[str] = IGNORED


@dataclass(frozen=True)
class Difference:
    """A field with another value, such as `pages[0].confidence.total`; a value is JSON, or ABSENT."""

    field: str
    old: Any
    new: Any


@dataclass
class Findings:
    """What the comparison of two results found.

    Attributes:
        fields: The number of values that are no numbers: texts, true, false and null, or whole results of bytes.
        equal_fields: How many of them are equal.
        numbers: How many numbers were compared.
        largest: The largest difference between two numbers, also if it is beyond the tolerance.
        largest_at: Its field; empty if all are exactly equal.
        differences: All fields that differ.
        left_out: How often each ignored member occurred.
    """

    fields: int = 0
    equal_fields: int = 0
    numbers: int = 0
    largest: float = 0.0
    largest_at: str = ""
    differences: list[Difference] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def compare_results(old: bytes, new: bytes, rules: Rules) -> Findings:
    """Returns what differs between two results.

    Both are compared as JSON if both are JSON, or both JSON Lines; then numbers may differ by the tolerance.
    """
    for parse in (_json_of, _json_lines_of):
        try:
            pair = parse(old), parse(new)
        except (ValueError, RecursionError):  # no JSON, or too deep for Python's parser
            continue
        return _compare_values(*pair, rules)
    return _compare_bytes(old, new)


def _json_of(body: bytes) -> Any:
    return json.loads(body, object_pairs_hook=_members)


def _json_lines_of(body: bytes) -> list[Any]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not lines:
        raise ValueError("There is no line.")
    return [_json_of(line) for line in lines]


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the members of an object, of which json keeps the last of equal names, and so would hide the others."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("An object has two members of the same name.")
    return members


def _compare_values(old: Any, new: Any, rules: Rules) -> Findings:
    found = Findings()
    waiting = [("", old, new)]  # a list, so that no result is too deep
    while waiting:
        place, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            names = [*one, *(name for name in other if name not in one)]
            found.left_out.update(name for name in names if name in rules.ignored)
            parts = [
                (_member(place, name), one.get(name, ABSENT), other.get(name, ABSENT))
                for name in names
                if name not in rules.ignored
            ]
        elif isinstance(one, list) and isinstance(other, list):
            parts = [
                (f"{place}[{index}]", _item(one, index), _item(other, index))
                for index in range(max(len(one), len(other)))
            ]
        else:
            _compare_leaves(place or WHOLE, one, other, rules, found)
            continue
        waiting += reversed(parts)
    return found


def _member(place: str, name: str) -> str:
    # A name with a point or a bracket in it would read like two.
    readable = name if name and not set(name) & set(".[]\"' ") else json.dumps(name)
    return f"{place}.{readable}" if place else readable


def _item(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else ABSENT


def _compare_leaves(place: str, old: Any, new: Any, rules: Rules, found: Findings) -> None:
    if _is_number(old) and _is_number(new):
        found.numbers += 1
        distance = _distance(old, new)
        if distance > found.largest:
            found.largest, found.largest_at = distance, place
        # 0.501 and 0.5 are a little more than 0.001 apart, as floats.
        is_equal = distance <= rules.tolerance or math.isclose(distance, rules.tolerance)
    else:
        found.fields += 1
        is_equal = type(old) is type(new) and old == new
        found.equal_fields += is_equal
    if not is_equal:
        found.differences.append(Difference(place, old, new))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distance(old: float, new: float) -> float:
    """Returns how far two numbers are apart: 0 for two NaN, infinity for a NaN and a number."""
    are_nan = [isinstance(value, float) and math.isnan(value) for value in (old, new)]
    if old == new or all(are_nan):
        return 0.0
    try:
        return math.inf if any(are_nan) else float(abs(old - new))
    except OverflowError:  # an integer beyond the range of floats
        return math.inf


def _compare_bytes(old: bytes, new: bytes) -> Findings:
    if old == new:
        return Findings(fields=1, equal_fields=1)
    first = next(
        (index for index, (one, other) in enumerate(zip(old, new, strict=False)) if one != other),
        min(len(old), len(new)),
    )
    difference = Difference(WHOLE, _excerpt(old, first), _excerpt(new, first))
    return Findings(fields=1, differences=[difference])


def _excerpt(body: bytes, start: int) -> str:
    return f"{len(body)} bytes, from byte {start}: {body[start : start + _SHOWN_BYTES]!r}"
