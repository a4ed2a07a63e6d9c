"""Rules for single settings, and the section that applies them.

A field of a section carries its rule in its annotation::

    workers: Annotated[int, WholeNumber(1, 64)] = 1

so that no section can be constructed with a value out of range, whether it is read from a file or made in a test.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, Protocol, Self, get_args, get_origin, get_type_hints

_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256


class SettingsError(ValueError):
    """A setting that cannot be used. Its message is one sentence for the person who wrote the setting."""


class Rule(Protocol):
    """What a setting must satisfy."""

    def problem(self, value: object) -> str | None:
        """What is wrong with a value, as the end of a sentence ("it must be …"), or None."""


@dataclass(frozen=True)
class WholeNumber:
    """A whole number from `low` to `high`, both included. `advice` says what the figure governs."""

    low: int
    high: int
    advice: str = ""

    def problem(self, value: object) -> str | None:
        """Refuses everything but an int in range; True and False are no numbers here."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return None
        return _with_advice(f"it must be a whole number from {self.low} to {self.high}", self.advice)


@dataclass(frozen=True)
class OneOf:
    """One of a fixed set of values."""

    allowed: tuple[str | int | bool, ...]
    advice: str = ""

    def problem(self, value: object) -> str | None:
        """Refuses a value that equals an allowed one but is of another type, as True and 1."""
        if any(value == allowed and type(value) is type(allowed) for allowed in self.allowed):
            return None
        return _with_advice(f"it must be one of {listing(map(_as_written, self.allowed))}", self.advice)


@dataclass(frozen=True)
class Text:
    """A text that matches `pattern` as a whole; `form` describes the pattern to a person."""

    pattern: str
    form: str

    def problem(self, value: object) -> str | None:
        """Refuses what is no text or does not match."""
        if isinstance(value, str) and re.fullmatch(self.pattern, value, re.ASCII):
            return None
        return f"it must be {self.form}"


@dataclass(frozen=True)
class Tags:
    """A table of tags, as CloudFormation takes them."""

    def problem(self, value: object) -> str | None:
        """Refuses keys and values that are no text, too long, or reserved."""
        if isinstance(value, Mapping) and all(_is_tag(key, text) for key, text in value.items()):
            return None
        return "it must be a table of texts: keys of 1 to 128 characters not beginning with aws:, values of up to 256"


YES_OR_NO = OneOf((True, False))
LOG_RETENTION = OneOf(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
    "the periods that CloudWatch Logs knows",
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table of the settings file. Subclasses name the table and give each field a rule or a type of its own."""

    table: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Checks each field against its rule.

        Raises:
            SettingsError: For the first field, in the order of definition, that breaks its rule.
        """
        for name, rule in self._rules().items():
            value = getattr(self, name)
            if value is None and _default_of(type(self), name) is None:
                continue
            problem = rule.problem(value)
            if problem:
                raise SettingsError(f"{self.qualified(name)} is {_as_written(value)}; {problem}.")

    @classmethod
    def qualified(cls, name: str) -> str:
        """A field's name as one would look for it in the file: `scaling.max_instances`."""
        return f"{cls.table}.{name}" if cls.table else name

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Self:
        """Makes the section from a table of the settings file.

        Raises:
            SettingsError: For an unknown field, a missing one, or a value that breaks its rule.
        """
        known = {field.name: field for field in fields(cls)}
        for name in table:
            if name not in known:
                raise SettingsError(f"{cls.qualified(name)} is no setting; {_nearest(cls, name, known)}.")
        for name, field in known.items():
            if name not in table and field.default is MISSING and field.default_factory is MISSING:
                raise SettingsError(f"{cls.qualified(name)} is missing; add it: it has no default.")
        return cls(**table)

    @classmethod
    def _rules(cls) -> dict[str, Rule]:
        """Field name → rule, for the fields that have one. An optional field's rule stands inside `| None`."""
        found = {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            candidates = [hint, *get_args(hint)]
            annotated = next((each for each in candidates if get_origin(each) is Annotated), None)
            if annotated is not None:
                found[name] = annotated.__metadata__[0]
        return found


def listing(values: Iterable[str]) -> str:
    """Joins values for a sentence: `a, b, c`."""
    return ", ".join(values)


def _nearest(cls: type[Section], name: str, known: Iterable[str]) -> str:
    """Names the field that was probably meant, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"the nearest name is {cls.qualified(near[0])}"
    return f"the settings here are {listing(known)}"


def _is_tag(key: object, text: object) -> bool:
    return (
        isinstance(key, str)
        and isinstance(text, str)
        and 1 <= len(key) <= _MAX_TAG_KEY
        and len(text) <= _MAX_TAG_VALUE
        and not key.lower().startswith("aws:")
    )


def _default_of(cls: type[Section], name: str) -> object:
    return next(field.default for field in fields(cls) if field.name == name)


def _as_written(value: object) -> str:
    """A value as TOML writes it, near enough for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _with_advice(rule: str, advice: str) -> str:
    return f"{rule} ({advice})" if advice else rule
