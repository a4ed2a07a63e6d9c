"""What every table of the settings file has in common."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin, get_type_hints

from stacks.settings.fields import Rule, SettingsError, as_written, listing


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
                raise SettingsError(f"{self.qualified(name)} is {as_written(value)}; {problem}.")

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
        rules = cls._rules()
        return cls(**{name: _made(rules.get(name), cls.qualified(name), value) for name, value in table.items()})

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


@dataclass(frozen=True)
class TablesOf:
    """An array of tables, each a section of its own, at most `most` of them."""

    section: type[Section]
    most: int

    def problem(self, value: object) -> str | None:
        """Refuses what is no list of sections, or too long a one."""
        if isinstance(value, tuple) and len(value) <= self.most and all(isinstance(row, self.section) for row in value):
            return None
        return f"it must be at most {self.most} tables, each headed [[{self.section.table}]]"


def _made(rule: Rule | None, name: str, value: object) -> object:
    """A value of the file as a section keeps it: lists become tuples, arrays of tables sections."""
    if isinstance(rule, TablesOf) and isinstance(value, list):
        if not all(isinstance(row, Mapping) for row in value):
            raise SettingsError(f"{name} is {as_written(value)}; {rule.problem(value)}.")
        return tuple(rule.section.read(row) for row in value)
    return tuple(value) if isinstance(value, list) else value


def _nearest(cls: type[Section], name: str, known: Iterable[str]) -> str:
    """Names the field that was probably meant, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"the nearest name is {cls.qualified(near[0])}"
    return f"the settings here are {listing(known)}"


def _default_of(cls: type[Section], name: str) -> object:
    return next(field.default for field in fields(cls) if field.name == name)
