"""Reads metric math: numbers, ids, brackets, operators, and the functions that can be evaluated here.

Operators, loosest first: OR, AND (also || and &&), comparisons, + and -, * and /, ^. Functions: IF, FILL, ABS, CEIL,
FLOOR, and AVG, MAX, MIN and SUM of an array such as [a, b].
"""

import math
import operator
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.cloudwatch.metric_math import (
    Binary,
    Expression,
    Fill,
    Function,
    If,
    Name,
    Node,
    Number,
    OfSeveral,
    Operation,
)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>(),\[\]]))"
)
_OPERATIONS: dict[str, Operation] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
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
_OF_SEVERAL: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
}
# CloudWatch user guide, "Using metric math", the table of functions: each carries this advice.
_NOT_IN_ALARMS = ("AVG", "DATAPOINT_COUNT", "MAX", "MIN", "REMOVE_EMPTY", "RUNNING_SUM", "STDDEV", "SUM")
_IF_ARGUMENTS = (2, 3)


def parse(text: str) -> Expression:
    """Reads an expression.

    Raises:
        ValidationError: The text is no expression, or uses what is not evaluated here or a function that CloudWatch
            advises against in alarms; the message says what and where.
    """
    parser = _Parser(text)
    root = parser.read()
    return Expression(text, root, frozenset(parser.names))


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
            left = Binary(_OPERATIONS[sign], left, self._level(depth + 1))
        return left

    def _value(self) -> Node:
        found = self._take()
        if found == "-":
            return Function(operator.neg, self._value())
        if found == "(":
            inner = self._level(0)
            self._take(")")
            return inner
        if found[0].isdigit():
            return Number(float(found))
        if self._next == "(":
            return self._call(found)
        if not found[0].islower():
            raise self._wrong(f"'{found}' is not expected there")
        self.names.add(found)
        return Name(found)

    def _call(self, name: str) -> Node:
        self._take("(")
        if name == "FILL":
            return self._fill()
        if name in _OF_SEVERAL and self._next == "[":
            return self._of_several(name)
        if name in _NOT_IN_ALARMS:
            raise self._advised_against(name)
        arguments = self._list_until(")")
        if name == "IF" and len(arguments) in _IF_ARGUMENTS:
            condition, then, *rest = arguments
            return If(condition, then, rest[0] if rest else None)
        if name in _ROUNDING and len(arguments) == 1:
            return Function(_ROUNDING[name], arguments[0])
        raise self._wrong(
            f"{name} with {len(arguments)} argument(s) is not evaluated here; IF takes two or three, FILL two, "
            f"{', '.join(_ROUNDING)} one, {', '.join(_OF_SEVERAL)} an array of series"
        )

    def _list_until(self, bracket: str) -> list[Node]:
        items = [self._level(0)]
        while self._next == ",":
            self._take()
            items.append(self._level(0))
        self._take(bracket)
        return items

    def _of_several(self, name: str) -> Node:
        self._take("[")
        items = self._list_until("]")
        self._take(")")
        return OfSeveral(_OF_SEVERAL[name], tuple(items), missing_is_zero=name == "AVG")

    def _fill(self) -> Node:
        series = self._level(0)
        self._take(",")
        if self._next == "REPEAT":
            self._take()
            filler = None
        else:
            filler = self._level(0)
        self._take(")")
        return Fill(series, filler)

    def _advised_against(self, name: str) -> ValidationError:
        arrays = f", or give {name} an array of series such as [a, b]" if name in _OF_SEVERAL else ""
        return ValidationError(
            f"The expression '{self.text}' cannot be used in an alarm: CloudWatch recommends not to use {name} of a "
            "single series there, because an alarm retrieves more datapoints than its evaluation periods and the "
            f"function acts differently with the extra data. Compare each datapoint instead{arrays}."
        )

    def _wrong(self, why: str) -> ValidationError:
        return ValidationError(f"The expression '{self.text}' cannot be evaluated: {why}.")
