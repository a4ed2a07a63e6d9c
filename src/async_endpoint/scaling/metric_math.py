"""Metric math: the part of CloudWatch's expression language that alarms are made of.

Numbers, ids of other queries, `+ - * / ^`, comparisons, `AND` and `OR` (also `&&` and `||`), brackets, and the
functions IF, FILL, ABS, CEIL and FLOOR. A period for which an operand has no datapoint has none in the result, as in
CloudWatch; FILL gives it one. Source: CloudWatch user guide, "Using metric math".
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from async_endpoint.scaling.errors import ValidationException

# A period's value, None where there is no datapoint.
Value = float | None
Series = tuple[Value, ...]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>(),]))"
)
_POSITIONAL: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}
_SPELLINGS = {"&&": "AND", "||": "OR"}
# Loosest first; within a level from left to right.
_LEVELS = (("OR",), ("AND",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"), ("^",))
_ROUNDING: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_IF_ARGUMENTS = 3
_FILL_ARGUMENTS = 2


class Node(Protocol):
    """A part of an expression."""

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        """The part's value in each of `count` periods, from the series of the ids that it names."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `names` are the ids that it refers to."""

    text: str
    root: Node
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Expression":
        """Read an expression.

        Raises:
            ValidationException: It is none, or uses what is not evaluated here; the message says what and where.
        """
        parser = _Parser(text)
        root = parser.read()
        return cls(text, root, frozenset(parser.names))

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        """The expression's value in each period, oldest first; `known` holds a series of `count` for each name."""
        return self.root.values(known, count)


@dataclass(frozen=True)
class _Number:
    value: float

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        del known
        return (self.value,) * count


@dataclass(frozen=True)
class _Name:
    name: str

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        del count
        return known[self.name]


@dataclass(frozen=True)
class _Each:
    """A function of values of the same period; without one of them there is no result, nor with an impossible one."""

    function: Callable[..., float]
    arguments: tuple[Node, ...]

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        columns = [argument.values(known, count) for argument in self.arguments]
        return tuple(self._one(row) for row in zip(*columns, strict=True))

    def _one(self, row: Sequence[Value]) -> Value:
        if any(value is None for value in row):
            return None
        try:
            result = self.function(*row)
        except (ArithmeticError, ValueError):
            return None
        return float(result) if isinstance(result, float | int) and math.isfinite(result) else None


@dataclass(frozen=True)
class _If:
    """The second where the first is not 0, else the third; only the one that is taken needs a datapoint."""

    condition: Node
    then: Node
    other: Node

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        rows = zip(*(part.values(known, count) for part in (self.condition, self.then, self.other)), strict=True)
        return tuple(None if asked is None else (then if asked else other) for asked, then, other in rows)


@dataclass(frozen=True)
class _Fill:
    """A series with a value in place of every missing datapoint; REPEAT is the last one before it."""

    series: Node
    filler: Node | None  # None repeats

    def values(self, known: Mapping[str, Series], count: int) -> Series:
        series = self.series.values(known, count)
        if self.filler is not None:
            return tuple(
                fill if value is None else value
                for value, fill in zip(series, self.filler.values(known, count), strict=True)
            )
        filled: list[Value] = []
        for value in series:
            filled.append(filled[-1] if value is None and filled else value)
        return tuple(filled)


@dataclass
class _Parser:
    """Reads an expression from left to right, a level of precedence at a time."""

    text: str
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tokens: list[str] = []
        at = 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._wrong(f"'{self.text[at:].strip()[0]}' cannot be read")
            found = match.group().strip()
            self._tokens.append(_SPELLINGS.get(found, found))
            at = match.end()
        self._at = 0

    def read(self) -> Node:
        root = self._level(0)
        if self._next is not None:
            raise self._wrong(f"'{self._next}' is not expected there")
        return root

    @property
    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, wanted: str | None = None) -> str:
        token = self._next
        if token is None or (wanted is not None and token != wanted):
            raise self._wrong(
                f"'{wanted or 'a value'}' is missing {'at the end' if token is None else f'before {token}'}"
            )
        self._at += 1
        return token

    def _level(self, depth: int) -> Node:
        if depth == len(_LEVELS):
            return self._value()
        left = self._level(depth + 1)
        while self._next in _LEVELS[depth]:
            sign = self._take()
            left = _Each(_function_of(sign), (left, self._level(depth + 1)))
        return left

    def _value(self) -> Node:
        token = self._take()
        if token == "-":  # noqa: S105 - a sign
            return _Each(operator.neg, (self._value(),))
        if token == "(":  # noqa: S105 - a bracket
            inner = self._level(0)
            self._take(")")
            return inner
        if token[0].isdigit():
            return _Number(float(token))
        if self._next == "(":
            return self._call(token)
        if not token[0].islower():
            raise self._wrong(f"'{token}' is not expected there")
        self.names.add(token)
        return _Name(token)

    def _call(self, name: str) -> Node:
        self._take("(")
        if name == "FILL":
            return self._fill()
        arguments = [self._level(0)]
        while self._next == ",":
            self._take()
            arguments.append(self._level(0))
        self._take(")")
        if name == "IF" and len(arguments) == _IF_ARGUMENTS:
            return _If(*arguments)
        if name in _ROUNDING and len(arguments) == 1:
            return _Each(_ROUNDING[name], tuple(arguments))
        raise self._wrong(
            f"{name} with {len(arguments)} argument(s) is not evaluated here; IF takes three, FILL two, "
            f"{', '.join(_ROUNDING)} one"
        )

    def _fill(self) -> Node:
        series = self._level(0)
        self._take(",")
        if self._next == "REPEAT":
            self._take()
            filler = None
        else:
            filler = self._level(0)
        self._take(")")
        return _Fill(series, filler)

    def _wrong(self, why: str) -> ValidationException:
        return ValidationException(f"The expression '{self.text}' cannot be evaluated: {why}.")


def _function_of(sign: str) -> Callable[[float, float], float]:
    if sign == "/":
        return operator.truediv
    return math.pow if sign == "^" else _POSITIONAL[sign]
