from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from stacks.settings.base import Section
from tests.stacks.settings.checks import rejection


class Kitchen(Section):
    """A table for these tests."""

    table: ClassVar[str] = "kitchen"

    ovens: int = Field(1, ge=0, le=9, description="Ovens.")
    gas: bool = Field(False, description="Whether they burn gas.")
    cook: int = Field(ge=1, le=9, description="The cook's number.")


def test_a_section_cannot_be_changed_once_made() -> None:
    made = Kitchen.from_table({"cook": 1})
    with pytest.raises(ValidationError, match="frozen"):
        made.ovens = 2  # type: ignore[misc]  # that it is rejected is the point


def test_a_section_cannot_be_made_with_a_value_out_of_range() -> None:
    with pytest.raises(ValidationError):
        Kitchen(cook=0)


def test_a_default_out_of_range_is_rejected() -> None:
    class Wrong(Kitchen):
        ovens: int = Field(10, ge=0, le=9)

    assert "kitchen.ovens" in rejection(Wrong, cook=1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"cook": 1, "oven": 2}, "kitchen.oven is not a setting; the nearest name is kitchen.ovens."),
        ({"cook": 1, "zzz": 2}, "kitchen.zzz is not a setting; the settings here are ovens, gas, cook."),
        ({}, "kitchen.cook is missing; add it: it has no default."),
        ({"cook": 0}, "kitchen.cook is 0; it must be a whole number from 1 to 9."),
        ({"cook": 1, "gas": 0}, "kitchen.gas is 0; it must be one of true, false."),
        ({"cook": "1"}, 'kitchen.cook is "1"; it must be a whole number from 1 to 9.'),
    ],
)
def test_a_problem_is_one_sentence_with_setting_value_and_what_is_allowed(
    table: dict[str, object], message: str
) -> None:
    assert rejection(Kitchen, **table) == message


def test_the_first_of_several_problems_is_reported() -> None:
    assert (
        rejection(Kitchen, ovens=-1, gas="no", cook=0) == "kitchen.ovens is -1; it must be a whole number from 0 to 9."
    )


def test_a_misspelt_name_is_reported_before_the_setting_that_is_missing_for_it() -> None:
    assert rejection(Kitchen, cok=1, ovens=-1) == "kitchen.cok is not a setting; the nearest name is kitchen.cook."
