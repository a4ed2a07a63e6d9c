"""Metric math: the part of CloudWatch's expression language that alarms use, with its rules for missing values.

Source: CloudWatch user guide, "Using metric math" (basic arithmetic, comparison and logical operators, IF). What the
guide leaves open is a switch of `EvaluationRules`. The parser is in `metric_math_parser`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules

# A period's value, None where there is no datapoint.
Value = float | None
Series = tuple[Value, ...]
# The value of a part of an expression: one number for all periods, or a value for each.
Result = float | Series
Operation = Callable[[float, float], float]


@dataclass(frozen=True)
class Evaluated:
    """The input of an expression: the series of the ids, each of `count` periods, and the open rules."""

    known: Mapping[str, Series]
    count: int
    rules: EvaluationRules


class Node(Protocol):
    """A part of an expression."""

    @property
    def is_scalar(self) -> bool:
        """Whether its value is one number, and not a series."""

    def result(self, on: Evaluated) -> Result:
        """Returns its value."""


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float
    is_scalar = True

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        del on
        return self.value


@dataclass(frozen=True)
class Name:
    """The id of a metric or of another expression."""

    name: str
    is_scalar = False

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        return on.known[self.name]


@dataclass(frozen=True)
class Function:
    """ABS, CEIL, FLOOR or the sign, of each value; a missing value stays missing."""

    function: Callable[[float], float]
    argument: Node

    @property
    def is_scalar(self) -> bool:
        """See `Node.is_scalar`."""
        return self.argument.is_scalar

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        found = self.argument.result(on)
        if isinstance(found, tuple):
            return tuple(None if value is None else float(self.function(value)) for value in found)
        return float(self.function(found))


@dataclass(frozen=True)
class Binary:
    """An operator between two parts.

    Between two series, a missing value counts as 0 if the other series has one; if both lack it, the result lacks it.
    Whether a missing value also counts as 0 beside a number is open. An impossible result, such as a division by zero,
    is dropped.
    """

    operation: Operation
    left: Node
    right: Node

    @property
    def is_scalar(self) -> bool:
        """See `Node.is_scalar`."""
        return self.left.is_scalar and self.right.is_scalar

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        left, right = self.left.result(on), self.right.result(on)
        if not isinstance(left, tuple) and not isinstance(right, tuple):
            value = self._one(left, right)
            return (None,) * on.count if value is None else value
        if isinstance(left, tuple) and isinstance(right, tuple):
            pairs = zip(left, right, strict=True)
            return tuple(None if a is None and b is None else self._one(a or 0.0, b or 0.0) for a, b in pairs)
        fills = on.rules.scalar_meets_missing == "zero"
        pairs = zip(_column(left, on.count), _column(right, on.count), strict=True)
        return tuple(self._one(a or 0.0, b or 0.0) if fills or None not in {a, b} else None for a, b in pairs)

    def _one(self, left: float, right: float) -> Value:
        try:
            found = self.operation(left, right)
        except (ArithmeticError, ValueError):
            return None
        return float(found) if isinstance(found, float | int) and math.isfinite(found) else None


@dataclass(frozen=True)
class If:
    """The second part where the first is not 0, else the third.

    The minute is dropped if the condition has no value, or is 0 and the third part has no value or is left out. If the
    condition is not 0 and the second part has no value, the result is 0.
    """

    condition: Node
    then: Node
    other: Node | None

    @property
    def is_scalar(self) -> bool:
        """See `Node.is_scalar`."""
        parts = (self.condition, self.then, self.other)
        return all(part is not None and part.is_scalar for part in parts)

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        nothing: Series = (None,) * on.count
        condition, then = self.condition.result(on), self.then.result(on)
        other: Result = nothing if self.other is None else self.other.result(on)
        if not isinstance(condition, tuple):
            return then if condition else other
        rows = zip(condition, _column(then, on.count), _column(other, on.count), strict=True)
        return tuple(None if asked is None else ((yes or 0.0) if asked else no) for asked, yes, no in rows)


@dataclass(frozen=True)
class Fill:
    """A series whose missing datapoints are replaced by a value; REPEAT takes the last one before.

    Whether FILL also replaces the values of a metric without any datapoint in the range is open.
    """

    series: Node
    filler: Node | None  # None is REPEAT
    is_scalar = False

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        series = _column(self.series.result(on), on.count)
        if on.rules.fill_of_nothing == "missing" and all(value is None for value in series):
            return series
        if self.filler is not None:
            filler = _column(self.filler.result(on), on.count)
            return tuple(fill if value is None else value for value, fill in zip(series, filler, strict=True))
        filled: list[Value] = []
        for value in series:
            filled.append(filled[-1] if value is None and filled else value)
        return tuple(filled)


@dataclass(frozen=True)
class OfSeveral:
    """AVG, MAX, MIN or SUM of an array of series: of each period's values, dropped where none has one.

    AVG counts a missing value as 0 (the guide's table); the guide does not state it of the others, which leave missing
    values out.
    """

    function: Callable[[Sequence[float]], float]
    items: tuple[Node, ...]
    missing_is_zero: bool = False
    is_scalar = False

    def result(self, on: Evaluated) -> Result:
        """See `Node.result`."""
        columns = [_column(item.result(on), on.count) for item in self.items]
        return tuple(self._one(row) for row in zip(*columns, strict=True))

    def _one(self, row: Sequence[Value]) -> Value:
        present = [value for value in row if value is not None]
        if not present:
            return None
        missing = len(row) - len(present) if self.missing_is_zero else 0
        return float(self.function(present + [0.0] * missing))


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `names` are the ids that it refers to."""

    text: str
    root: Node
    names: frozenset[str]

    def values(self, known: Mapping[str, Series], count: int, rules: EvaluationRules | None = None) -> Series:
        """Returns the value in each period, oldest first; `known` holds a series of `count` values for each name."""
        return _column(self.root.result(Evaluated(known, count, rules or EvaluationRules())), count)


def _column(result: Result, count: int) -> Series:
    return result if isinstance(result, tuple) else (result,) * count
