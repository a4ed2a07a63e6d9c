"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        endpoint_name: The endpoint whose jobs these are (ENDPOINT_NAME).
    """

    endpoint_name: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing.
        """
        return cls(endpoint_name=Environment(environment).text("ENDPOINT_NAME"))
