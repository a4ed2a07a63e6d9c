"""Typed environment variables, the base of every function's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB_RETENTION_DAYS_RANGE = (1, 3_650)
MAX_SUBMISSIONS_RANGE = (1, 10)
RETRY_DELAY_SECONDS_RANGE = (0, 900)
_BOOLEANS = {"true": True, "false": False}


class SettingsError(ValueError):
    """An environment variable is missing or out of range; the message is one sentence."""


class Environment:
    """Reads and checks environment variables.

    Args:
        variables: The variables by name.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str) -> str:
        """Returns a text that is not empty.

        Raises:
            SettingsError: The variable is missing or empty.
        """
        if not self._variables.get(name):
            raise SettingsError(f"The environment variable {name} is not set: the function cannot work without it.")
        return self._variables[name]

    def number(self, name: str, allowed: tuple[int, int]) -> int:
        """Returns a whole number within the inclusive range `allowed`.

        Raises:
            SettingsError: The variable is missing, not a whole number, or out of range.
        """
        text, (lowest, highest) = self.text(name), allowed
        if not (text.isascii() and text.isdecimal() and lowest <= int(text) <= highest):
            raise SettingsError(
                f"The environment variable {name} is {text!r}: it takes a whole number from {lowest} to {highest}."
            )
        return int(text)

    def boolean(self, name: str) -> bool:
        """Returns a boolean, which is spelled `true` or `false`.

        Raises:
            SettingsError: The variable is missing, or has another value.
        """
        text = self.text(name)
        if text not in _BOOLEANS:
            raise SettingsError(f"The environment variable {name} is {text!r}: it takes true or false.")
        return _BOOLEANS[text]
