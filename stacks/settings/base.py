"""What every table of the settings file has in common."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from stacks.settings.fields import RepeatedItemError, SettingsError, as_written, listing
from stacks.settings.schema import JsonSchema, allowed_by, schema_of


class Section(BaseModel):
    """A table of the settings file: its settings, their limits, and what must hold between them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", validate_default=True)

    table: ClassVar[str] = ""

    @classmethod
    def qualified(cls, name: str) -> str:
        """Returns a setting's name with its table: `scaling.max_instances`."""
        return f"{cls.table}.{name}" if cls.table else name

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Makes the section from a table of the settings file.

        Raises:
            SettingsError: For the first problem: an unknown setting, a missing one, or a value that is not allowed.
        """
        try:
            return cls.model_validate(dict(table))
        except ValidationError as error:
            raise _first_problem(cls, table, error) from None


def _first_problem(section: type[Section], table: Mapping[str, Any], error: ValidationError) -> SettingsError:
    """Puts the first problem into a sentence; a misspelt name comes before the missing setting that it may mean."""
    problem = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, SettingsError):
        return cause
    setting = _Setting.from_location(section, table, problem["loc"])
    if isinstance(cause, RepeatedItemError):
        item = as_written(cause.item)
        return SettingsError(
            f"{setting.qualified} is {as_written(setting.value)}; {item} is in it twice: take one out."
        )
    match problem["type"]:
        case "extra_forbidden":
            return SettingsError(f"{setting.qualified} is not a setting; {setting.nearest()}.")
        case "missing":
            return SettingsError(f"{setting.qualified} is missing; add it: it has no default.")
    return SettingsError(f"{setting.qualified} is {as_written(setting.value)}; {setting.problem()}.")


class _Setting(NamedTuple):
    """A setting that an error of pydantic's is about.

    Args:
        path: The table's name and the setting's.
        known: The schemas of the settings of its table, by name.
        value: The whole value of the setting; None if it is missing.
        inside: Where the error is inside the value: an item's index, or a key.
    """

    path: tuple[str, ...]
    known: Mapping[str, JsonSchema]
    value: Any
    inside: Sequence[int | str]

    @classmethod
    def from_location(
        cls, section: type[Section], table: Mapping[str, Any], location: Sequence[int | str]
    ) -> "_Setting":
        """Follows an error's location, such as ("scaling", "warm_windows", 0, "days"), into the tables."""
        schema, inside = schema_of(section), list(location)
        path = [section.table] if section.table else []
        while True:
            name = str(inside.pop(0))
            path.append(name)
            value: Any = table.get(name)
            inner = schema["properties"].get(name, {})
            if inside and "properties" in inner:
                schema, table = inner, value
            elif len(inside) > 1 and "properties" in inner.get("items", {}):
                schema, table = inner["items"], value[inside.pop(0)]
            else:
                return cls(tuple(path), schema["properties"], value, inside)

    @property
    def qualified(self) -> str:
        """The setting's name as the file's reader knows it."""
        return ".".join(self.path)

    def nearest(self) -> str:
        """Names the setting that was probably meant, or all settings of the table."""
        *table, name = self.path
        near = difflib.get_close_matches(name, self.known, n=1)
        if near:
            return f"the nearest name is {'.'.join([*table, *near])}"
        return f"the settings here are {listing(self.known)}"

    def problem(self) -> str:
        """Says what the value, or the item of a list that is wrong in it, must be."""
        schema = self.known[self.path[-1]]
        match self.inside:
            case [int(index), *_] if "properties" not in schema["items"]:
                item = as_written(self.value[index])
                return f"of item {index + 1}, {item}, it must be {allowed_by(schema['items'], self.qualified)}"
        return f"it must be {allowed_by(schema, self.qualified)}"
