"""What holds for every setting of a kind, tried with one table of a stage's file."""

from typing import Any

import pytest

from stacks.settings.base import Section
from stacks.settings.fields import SettingsError, as_written, listing


def rejection(section: type[Section], /, **table: object) -> str:
    """The message with which a table is rejected."""
    with pytest.raises(SettingsError) as rejected:
        section.from_table(table)
    return str(rejected.value)


def check_range(section: type[Section], name: str, /, *, low: int, high: int, **others: Any) -> None:
    """Both ends are accepted, and nothing beside them, nor what is not a whole number."""
    for accepted in (low, high):
        assert getattr(section.from_table({name: accepted, **others}), name) == accepted
    for wrong in (low - 1, high + 1, float(high), str(high), True, [high]):
        message = rejection(section, **{name: wrong, **others})
        assert message.startswith(
            f"{section.table}.{name} is {as_written(wrong)}; it must be a whole number from {low} to {high}"
        )


def check_choices(section: type[Section], name: str, /, *choices: object, **others: Any) -> None:
    """The choices are accepted, and nothing else, nor what Python takes for equal."""
    table = f"{section.table}." if section.table else ""
    for accepted in choices:
        assert getattr(section.from_table({name: accepted, **others}), name) == accepted
    for wrong in ("other", 2, 1.0, None if True in choices else True, ["other"]):
        message = rejection(section, **{name: wrong, **others})
        assert message.startswith(
            f"{table}{name} is {as_written(wrong)}; it must be one of {listing(map(as_written, choices))}"
        )


def check_switch(section: type[Section], name: str, /, **others: Any) -> None:
    """True and false are accepted, and nothing else."""
    check_choices(section, name, *(True, False), **others)


def check_text(section: type[Section], name: str, /, *wrong: object, allowed: str, **others: Any) -> None:
    """Other texts, and what is not a text, are rejected with the words for what is allowed."""
    table = f"{section.table}." if section.table else ""
    for value in (*wrong, 7):
        message = rejection(section, **{name: value, **others})
        assert message == f"{table}{name} is {as_written(value)}; it must be {allowed}."
