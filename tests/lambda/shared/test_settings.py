"""Typed environment variables."""

import pytest

from shared.settings import Environment, SettingsError

VARIABLES = Environment({"TEXT": "jobs", "EMPTY": "", "NUMBER": "30", "YES": "true", "NO": "false"})


def test_values_are_typed() -> None:
    assert VARIABLES.text("TEXT") == "jobs"
    assert VARIABLES.number("NUMBER", (30, 30)) == 30
    assert (VARIABLES.boolean("YES"), VARIABLES.boolean("NO")) == (True, False)


@pytest.mark.parametrize("name", ["EMPTY", "MISSING"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        VARIABLES.text(name)


@pytest.mark.parametrize("name", ["NUMBER", "TEXT"])
def test_a_number_out_of_range_is_named_with_the_range(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '.+': it takes a whole number from 1 to 29"):
        VARIABLES.number(name, (1, 29))


@pytest.mark.parametrize("text", ["-1", "1.0", "\u0663", "\u00b2"])
def test_only_ascii_digits_are_a_number(text: str) -> None:
    with pytest.raises(SettingsError, match="it takes a whole number"):
        Environment({"N": text}).number("N", (0, 100))


def test_a_boolean_is_true_or_false() -> None:
    with pytest.raises(SettingsError, match="NUMBER is '30': it takes true or false"):
        VARIABLES.boolean("NUMBER")
