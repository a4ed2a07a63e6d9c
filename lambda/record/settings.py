"""The function's environment variables, read once and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETENTION_DAYS_RANGE = (1, 3_650)


class SettingsError(ValueError):
    """An environment variable is absent or out of its range; one sentence."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the stack tells the function.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        job_retention_days: How long the table remembers a job (JOB_RETENTION_DAYS).
    """

    jobs_table: str
    job_retention_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the variables.

        Raises:
            SettingsError: One is absent, no whole number, or out of its range.
        """
        return cls(
            jobs_table=_text(environment, "JOBS_TABLE"),
            job_retention_days=_number(environment, "JOB_RETENTION_DAYS", _RETENTION_DAYS_RANGE),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise SettingsError(f"The environment variable {name} is not set: the function cannot work without it.")
    return environment[name]


def _number(environment: Mapping[str, str], name: str, allowed: tuple[int, int]) -> int:
    text, (lowest, highest) = _text(environment, name), allowed
    if not (text.isascii() and text.isdecimal() and lowest <= int(text) <= highest):
        raise SettingsError(
            f"The environment variable {name} is {text!r}: it takes a whole number from {lowest} to {highest}."
        )
    return int(text)
