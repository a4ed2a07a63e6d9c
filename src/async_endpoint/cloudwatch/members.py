"""Reading the members of an API request or of a template's properties.

A template may carry numbers and booleans as text, so both forms are taken. Sentences follow AWS's own wording.
"""

import math
from collections.abc import Mapping, Sequence

from async_endpoint.cloudwatch.errors import ValidationException

Members = Mapping[str, object]


def _path(name: str) -> str:
    return name[:1].lower() + name[1:]


def _broken(value: object, name: str, constraint: str) -> ValidationException:
    shown = "null" if value is None else f"'{value}'"
    return ValidationException(
        f"1 validation error detected: Value {shown} at '{_path(name)}' failed to satisfy constraint: {constraint}"
    )


def required(members: Members, name: str) -> object:
    """Return a member that must be there."""
    value = members.get(name)
    if value is None:
        raise _broken(value, name, "Member must not be null")
    return value


def text(members: Members, name: str) -> str:
    """Return a non-empty text that must be there."""
    value = required(members, name)
    if not isinstance(value, str) or not value:
        raise _broken(value, name, "Member must have length greater than or equal to 1")
    return value


def optional_text(members: Members, name: str) -> str | None:
    """Return a text, or None where it is absent."""
    return None if members.get(name) is None else text(members, name)


def one_of(members: Members, name: str, allowed: Sequence[str], default: str | None = None) -> str:
    """Return a text out of the allowed ones; the default, where given, stands for an absent one."""
    value = members.get(name)
    if value is None and default is not None:
        return default
    if value not in allowed:
        raise _broken(value, name, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    return str(value)


def optional_one_of(members: Members, name: str, allowed: Sequence[str]) -> str | None:
    """Return a text out of the allowed ones, or None where it is absent."""
    return None if members.get(name) is None else one_of(members, name, allowed)


def number(members: Members, name: str) -> float:
    """Return a finite number that must be there."""
    value = required(members, name)
    try:
        found = float(str(value)) if not isinstance(value, bool) else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise _broken(value, name, "Member must be a number")
    return found


def optional_number(members: Members, name: str) -> float | None:
    """Return a finite number, or None where it is absent."""
    return None if members.get(name) is None else number(members, name)


def whole(members: Members, name: str, least: int | None = None) -> int:
    """Return a whole number that must be there, not below `least`."""
    found = number(members, name)
    if found != int(found):
        raise _broken(members[name], name, "Member must be a whole number")
    if least is not None and found < least:
        raise _broken(int(found), name, f"Member must have value greater than or equal to {least}")
    return int(found)


def optional_whole(members: Members, name: str, least: int | None = None) -> int | None:
    """Return a whole number, or None where it is absent."""
    return None if members.get(name) is None else whole(members, name, least)


def flag(members: Members, name: str, *, default: bool) -> bool:
    """Return a boolean, which a template may write as text; the default stands for an absent one."""
    found = optional_flag(members, name)
    return default if found is None else found


def optional_flag(members: Members, name: str) -> bool | None:
    """Return a boolean, which a template may write as text, or None where it is absent."""
    value = members.get(name)
    if value is None:
        return None
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise _broken(value, name, "Member must be true or false")


def texts(members: Members, name: str) -> tuple[str, ...]:
    """Return a list of texts; an absent one is empty."""
    value = members.get(name)
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise _broken(value, name, "Member must be a list of strings")
    return tuple(value)


def optional_structure(members: Members, name: str) -> Members | None:
    """Return a nested structure, or None where it is absent."""
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _broken(value, name, "Member must be a structure")
    return value


def structures(members: Members, name: str) -> tuple[Members, ...]:
    """Return a list of structures; an absent one is empty."""
    value = members.get(name)
    if value is None:
        return ()
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(item, Mapping) for item in value)
    ):
        raise _broken(value, name, "Member must be a list of structures")
    return tuple(value)


def dimensions(members: Members) -> tuple[tuple[str, str], ...]:
    """Return the Dimensions list, `[{"Name": …, "Value": …}]`, as pairs in its own order."""
    return tuple((text(item, "Name"), text(item, "Value")) for item in structures(members, "Dimensions"))


def given(members: Members) -> dict[str, object]:
    """Return the members that are there, to describe what a request gave and no more."""
    return {name: value for name, value in members.items() if value is not None}
