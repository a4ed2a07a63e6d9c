"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE, REQUEST_TTL_SECONDS_RANGE
from shared.settings import JOB_RETENTION_DAYS_RANGE, MAX_SUBMISSIONS_RANGE, RETRY_DELAY_SECONDS_RANGE, Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_DELIVERY_SECONDS_RANGE = (1, 604_800)
_LOOK_AFTER_SECONDS_RANGE = (1, 86_400)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        endpoint_name: The endpoint (ENDPOINT_NAME).
        jobs_table: Name of the jobs table (JOBS_TABLE).
        memory_key: Key of the item in it that remembers where the last run stopped (MEMORY_KEY).
        inbox_bucket: The bucket of the inbox (INBOX_BUCKET).
        inbox_prefix: The prefix of the inbox (INBOX_PREFIX).
        urgent_prefix: The prefix of urgent documents, in the same bucket (URGENT_PREFIX).
        region: The function's region, which is the inbox's (AWS_REGION, set by Lambda).
        intake_queue: URL of the queue that submits documents (INTAKE_QUEUE_URL).
        intake_dead_letters: URL of its DLQ (INTAKE_DEAD_LETTERS_URL).
        urgent_queue: URL of the queue that submits urgent documents, and those whose turn it is (URGENT_QUEUE_URL).
        urgent_dead_letters: URL of its DLQ (URGENT_DEAD_LETTERS_URL).
        request_seconds: How long a request may take: TTL and processing time (REQUEST_TTL_SECONDS,
            INVOCATION_TIMEOUT_SECONDS).
        look_after_seconds: The age from which an upload or an outcome is taken for one whose message was lost: a
            notification takes seconds, its queue and a few deliveries of the function minutes (LOOK_AFTER_SECONDS).
        delivery_seconds: How long all deliveries of a message of that queue take (DELIVERY_SECONDS).
        job_retention_days: How long the table keeps a job (JOB_RETENTION_DAYS).
        max_submissions: The number of attempts after which a failure is final (MAX_SUBMISSIONS).
        retry_delay_seconds: How long the second attempt waits (RETRY_DELAY_SECONDS).
    """

    endpoint_name: str
    jobs_table: str
    memory_key: str
    inbox_bucket: str
    inbox_prefix: str
    urgent_prefix: str
    region: str
    intake_queue: str
    intake_dead_letters: str
    urgent_queue: str
    urgent_dead_letters: str
    request_seconds: int
    look_after_seconds: int
    delivery_seconds: int
    job_retention_days: int
    max_submissions: int
    retry_delay_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing, not a whole number, or out of range.
        """
        variables = Environment(environment)
        ttl = variables.number("REQUEST_TTL_SECONDS", REQUEST_TTL_SECONDS_RANGE)
        return cls(
            endpoint_name=variables.text("ENDPOINT_NAME"),
            jobs_table=variables.text("JOBS_TABLE"),
            memory_key=variables.text("MEMORY_KEY"),
            inbox_bucket=variables.text("INBOX_BUCKET"),
            inbox_prefix=variables.text("INBOX_PREFIX"),
            urgent_prefix=variables.text("URGENT_PREFIX"),
            region=variables.text("AWS_REGION"),
            intake_queue=variables.text("INTAKE_QUEUE_URL"),
            intake_dead_letters=variables.text("INTAKE_DEAD_LETTERS_URL"),
            urgent_queue=variables.text("URGENT_QUEUE_URL"),
            urgent_dead_letters=variables.text("URGENT_DEAD_LETTERS_URL"),
            request_seconds=ttl + variables.number("INVOCATION_TIMEOUT_SECONDS", INVOCATION_TIMEOUT_SECONDS_RANGE),
            look_after_seconds=variables.number("LOOK_AFTER_SECONDS", _LOOK_AFTER_SECONDS_RANGE),
            delivery_seconds=variables.number("DELIVERY_SECONDS", _DELIVERY_SECONDS_RANGE),
            job_retention_days=variables.number("JOB_RETENTION_DAYS", JOB_RETENTION_DAYS_RANGE),
            max_submissions=variables.number("MAX_SUBMISSIONS", MAX_SUBMISSIONS_RANGE),
            retry_delay_seconds=variables.number("RETRY_DELAY_SECONDS", RETRY_DELAY_SECONDS_RANGE),
        )
