"""The function's environment variables, read once and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE, REQUEST_TTL_SECONDS_RANGE

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETENTION_DAYS_RANGE = (1, 3_650)
_CLAIM_SECONDS_RANGE = (1, 43_200)


class SettingsError(ValueError):
    """An environment variable is absent or out of its range; one sentence."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the stack tells the function.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        endpoint_name: The endpoint (ENDPOINT_NAME).
        request_ttl_seconds: Age in SageMaker's queue at which a request expires (REQUEST_TTL_SECONDS).
        invocation_timeout_seconds: Time that the model has for one (INVOCATION_TIMEOUT_SECONDS).
        job_retention_days: How long the table remembers a job (JOB_RETENTION_DAYS).
        claim_seconds: How long a submission under way keeps others off; longer than the function's timeout
            (CLAIM_SECONDS).
    """

    jobs_table: str
    endpoint_name: str
    request_ttl_seconds: int
    invocation_timeout_seconds: int
    job_retention_days: int
    claim_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the variables.

        Raises:
            SettingsError: One is absent, no whole number, or out of its range.
        """
        return cls(
            jobs_table=_text(environment, "JOBS_TABLE"),
            endpoint_name=_text(environment, "ENDPOINT_NAME"),
            request_ttl_seconds=_number(environment, "REQUEST_TTL_SECONDS", REQUEST_TTL_SECONDS_RANGE),
            invocation_timeout_seconds=_number(
                environment, "INVOCATION_TIMEOUT_SECONDS", INVOCATION_TIMEOUT_SECONDS_RANGE
            ),
            job_retention_days=_number(environment, "JOB_RETENTION_DAYS", _RETENTION_DAYS_RANGE),
            claim_seconds=_number(environment, "CLAIM_SECONDS", _CLAIM_SECONDS_RANGE),
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
