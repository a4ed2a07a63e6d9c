"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.settings import JOB_RETENTION_DAYS_RANGE, Environment

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        job_retention_days: How long the table keeps a job (JOB_RETENTION_DAYS).
    """

    jobs_table: str
    job_retention_days: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing, not a whole number, or out of range.
        """
        variables = Environment(environment)
        return cls(
            jobs_table=variables.text("JOBS_TABLE"),
            job_retention_days=variables.number("JOB_RETENTION_DAYS", JOB_RETENTION_DAYS_RANGE),
        )
