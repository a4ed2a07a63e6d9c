"""The typed environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE, REQUEST_TTL_SECONDS_RANGE
from shared.settings import Environment, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The ranges of the stack's settings, which the function does not import; a test compares them.
IDLE_MINUTES_RANGE = (5, 1_400)
TRANSITION_SECONDS_RANGE = (720, 36_000)
_INSTANCES_RANGE = (0, 1_000)
_LONGEST_JOB_ID = 64  # InferenceId, in the service model of the SageMaker runtime


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings from the stack.

    Attributes:
        endpoint_name: The watched endpoint (ENDPOINT_NAME).
        variant_name: Its one variant (VARIANT_NAME).
        jobs_table: Name of the jobs table (JOBS_TABLE).
        memory_key: Key of the function's own item in that table, longer than any job's id (MEMORY_KEY).
        queue_urls: The queues whose messages count as work: both of the intake, and the results' (INTAKE_QUEUE_URL,
            URGENT_QUEUE_URL, RESULTS_QUEUE_URL).
        alarm_topic: ARN of the topic for notifications (ALARM_TOPIC_ARN).
        runbook: Where the runbook of its notification is (RUNBOOK).
        idle_minutes: How long instances may run without work (IDLE_MINUTES).
        request_ttl_seconds: Age in SageMaker's queue at which a request expires (REQUEST_TTL_SECONDS).
        invocation_timeout_seconds: Time that the model has for a request (INVOCATION_TIMEOUT_SECONDS).
        transition_seconds: How long a creation, update, rollback or deletion of the endpoint is a reason for its
            instances to run (TRANSITION_SECONDS).
        hard_stop: Whether idle instances are stopped (HARD_STOP, true or false).
        unscaled_instances: How many instances may run without work if there is no scalable target (UNSCALED_INSTANCES).
    """

    endpoint_name: str
    variant_name: str
    jobs_table: str
    memory_key: str
    queue_urls: tuple[str, ...]
    alarm_topic: str
    runbook: str
    idle_minutes: int
    request_ttl_seconds: int
    invocation_timeout_seconds: int
    transition_seconds: int
    hard_stop: bool
    unscaled_instances: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Reads and checks the variables.

        Raises:
            SettingsError: A variable is missing or out of range.
        """
        variables = Environment(environment)
        return cls(
            endpoint_name=variables.text("ENDPOINT_NAME"),
            variant_name=variables.text("VARIANT_NAME"),
            jobs_table=variables.text("JOBS_TABLE"),
            memory_key=_reserved_key(variables, "MEMORY_KEY"),
            queue_urls=tuple(map(variables.text, ("INTAKE_QUEUE_URL", "URGENT_QUEUE_URL", "RESULTS_QUEUE_URL"))),
            alarm_topic=variables.text("ALARM_TOPIC_ARN"),
            runbook=variables.text("RUNBOOK"),
            idle_minutes=variables.number("IDLE_MINUTES", IDLE_MINUTES_RANGE),
            request_ttl_seconds=variables.number("REQUEST_TTL_SECONDS", REQUEST_TTL_SECONDS_RANGE),
            invocation_timeout_seconds=variables.number("INVOCATION_TIMEOUT_SECONDS", INVOCATION_TIMEOUT_SECONDS_RANGE),
            transition_seconds=variables.number("TRANSITION_SECONDS", TRANSITION_SECONDS_RANGE),
            hard_stop=variables.boolean("HARD_STOP"),
            unscaled_instances=variables.number("UNSCALED_INSTANCES", _INSTANCES_RANGE),
        )


def _reserved_key(variables: Environment, name: str) -> str:
    text = variables.text(name)
    if len(text) <= _LONGEST_JOB_ID:
        raise SettingsError(
            f"The environment variable {name} is {text!r}, which may be the id of a job: it takes more than "
            f"{_LONGEST_JOB_ID} characters."
        )
    return text
