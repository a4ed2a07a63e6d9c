"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE, REQUEST_TTL_SECONDS_RANGE
from shared.settings import JOB_RETENTION_DAYS_RANGE, Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLAIM_SECONDS_RANGE = (1, 43_200)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        endpoint_name: The endpoint (ENDPOINT_NAME).
        region: The function's region, which is the inbox's (AWS_REGION, set by Lambda).
        request_ttl_seconds: Age in SageMaker's queue at which a request expires (REQUEST_TTL_SECONDS).
        invocation_timeout_seconds: Time that the model has for a request (INVOCATION_TIMEOUT_SECONDS).
        job_retention_days: How long the table keeps a job (JOB_RETENTION_DAYS).
        claim_seconds: How long a submission in progress blocks others; longer than the function's timeout
            (CLAIM_SECONDS).
    """

    jobs_table: str
    endpoint_name: str
    region: str
    request_ttl_seconds: int
    invocation_timeout_seconds: int
    job_retention_days: int
    claim_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing, not a whole number, or out of range.
        """
        variables = Environment(environment)
        return cls(
            jobs_table=variables.text("JOBS_TABLE"),
            endpoint_name=variables.text("ENDPOINT_NAME"),
            region=variables.text("AWS_REGION"),
            request_ttl_seconds=variables.number("REQUEST_TTL_SECONDS", REQUEST_TTL_SECONDS_RANGE),
            invocation_timeout_seconds=variables.number("INVOCATION_TIMEOUT_SECONDS", INVOCATION_TIMEOUT_SECONDS_RANGE),
            job_retention_days=variables.number("JOB_RETENTION_DAYS", JOB_RETENTION_DAYS_RANGE),
            claim_seconds=variables.number("CLAIM_SECONDS", _CLAIM_SECONDS_RANGE),
        )
