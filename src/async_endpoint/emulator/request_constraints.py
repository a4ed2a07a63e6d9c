"""The constraints of a service model's members, in AWS's words for a request that breaks one.

Source: the sentences that AWS's services return, "1 validation error detected: Value 'x' at 'y' failed to satisfy
constraint: …"; a member's path begins in lower case, and items of a list count from 1 (`productionVariants.1.member`).
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, Shape, StructureShape


def broken_constraints(value: Mapping[str, Any], shape: Shape) -> str | None:
    """Returns the message about every constraint that a request breaks; None if it breaks none.

    Values of a wrong type and the contents of maps are ignored.
    """
    failures = list(_failures(value, shape, ""))
    if not failures:
        return None
    return f"{len(failures)} validation error{'s' if len(failures) > 1 else ''} detected: {'; '.join(failures)}"


def _failures(value: Any, shape: Shape, path: str) -> Iterator[str]:
    for constraint in _broken(value, shape):
        shown = "Value" if shape.metadata.get("sensitive") else f"Value '{value}'"
        yield f"{shown} at '{path}' failed to satisfy constraint: {constraint}"
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_joined(path, name)}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _failures(value[name], member, _joined(path, name))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield from _failures(item, shape.member, f"{path}.{number}.member")


def _broken(value: Any, shape: Shape) -> Iterator[str]:
    """Yields the constraints of its own shape that a value breaks."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        size, noun = float(value), "value"
    elif isinstance(value, str | list):
        size, noun = float(len(value)), "length"
    else:
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"Member must have {noun} greater than or equal to {least}"
    if most is not None and size > most:
        yield f"Member must have {noun} less than or equal to {most}"
    if isinstance(value, str):
        allowed = shape.metadata.get("enum")
        if allowed is not None and value not in allowed:
            yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not _matches(pattern, value):
            yield f"Member must satisfy regular expression pattern: {pattern}"


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Returns the pattern, or None: AWS's patterns are Java's, and some use what Python lacks, such as `p{Print}`."""
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


def _joined(path: str, name: str) -> str:
    return f"{path}{'.' if path else ''}{name[0].lower()}{name[1:]}"
