"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.settings import (
    JOB_RETENTION_DAYS_RANGE,
    MAX_SUBMISSIONS_RANGE,
    RETRY_DELAY_SECONDS_RANGE,
    Environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        job_retention_days: How long the table keeps a job (JOB_RETENTION_DAYS).
        intake_queue: URL of the queue that takes requests for attempts (INTAKE_QUEUE_URL).
        max_submissions: The number of attempts after which a failure is final (MAX_SUBMISSIONS).
        retry_delay_seconds: How long the second attempt waits (RETRY_DELAY_SECONDS).
        admission_queue: URL of the queue that takes requests for documents whose turn it is (URGENT_QUEUE_URL); None
            without ADMISSION, or if it is false.
    """

    jobs_table: str
    job_retention_days: int
    intake_queue: str
    max_submissions: int
    retry_delay_seconds: int
    admission_queue: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing, not a whole number, or out of range.
        """
        variables = Environment(environment)
        admits = "ADMISSION" in environment and variables.boolean("ADMISSION")
        return cls(
            jobs_table=variables.text("JOBS_TABLE"),
            job_retention_days=variables.number("JOB_RETENTION_DAYS", JOB_RETENTION_DAYS_RANGE),
            intake_queue=variables.text("INTAKE_QUEUE_URL"),
            max_submissions=variables.number("MAX_SUBMISSIONS", MAX_SUBMISSIONS_RANGE),
            retry_delay_seconds=variables.number("RETRY_DELAY_SECONDS", RETRY_DELAY_SECONDS_RANGE),
            admission_queue=variables.text("URGENT_QUEUE_URL") if admits else None,
        )
