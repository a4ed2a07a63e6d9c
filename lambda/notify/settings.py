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
        jobs_table: Name of the jobs table (JOBS_TABLE).
        endpoint_name: The endpoint whose jobs these are (ENDPOINT_NAME).
        webhook_secret: Name or ARN of the secret that signs for the webhook; None without one (WEBHOOK_SECRET).
        tagged_bucket: The bucket of the documents to tag; None to tag none (TAGGED_BUCKET).
    """

    jobs_table: str
    endpoint_name: str
    webhook_secret: str | None
    tagged_bucket: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing.
        """
        variables = Environment(environment)
        return cls(
            jobs_table=variables.text("JOBS_TABLE"),
            endpoint_name=variables.text("ENDPOINT_NAME"),
            webhook_secret=variables.text("WEBHOOK_SECRET") if "WEBHOOK_SECRET" in environment else None,
            tagged_bucket=variables.text("TAGGED_BUCKET") if "TAGGED_BUCKET" in environment else None,
        )
