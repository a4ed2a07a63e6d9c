"""The function's environment variables, read once and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.protocol import INVOCATION_TIMEOUT_SECONDS_RANGE, REQUEST_TTL_SECONDS_RANGE

if TYPE_CHECKING:
    from collections.abc import Mapping

# The ranges of the stack's settings, which the function does not import; a test holds them together.
IDLE_MINUTES_RANGE = (5, 1_400)
TRANSITION_SECONDS_RANGE = (720, 36_000)
_INSTANCES_RANGE = (0, 1_000)
_LONGEST_JOB_ID = 64  # InferenceId, in the service model of the SageMaker runtime
_YES_OR_NO = {"true": True, "false": False}


class SettingsError(ValueError):
    """An environment variable is absent or out of its range; one sentence."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the stack tells the function.

    Attributes:
        endpoint_name: The endpoint that is watched (ENDPOINT_NAME).
        variant_name: Its one variant (VARIANT_NAME).
        jobs_table: Name of the jobs table (JOBS_TABLE).
        memory_key: Key of the one item of that table which is the function's own: longer than a job's id can be
            (MEMORY_KEY).
        queue_urls: The queues whose messages are work: intake and results (INTAKE_QUEUE_URL, RESULTS_QUEUE_URL).
        alarm_topic: ARN of the topic that is notified (ALARM_TOPIC_ARN).
        idle_minutes: How long instances may run without work (IDLE_MINUTES).
        request_ttl_seconds: Age in SageMaker's queue at which a request expires (REQUEST_TTL_SECONDS).
        invocation_timeout_seconds: Time that the model has for one (INVOCATION_TIMEOUT_SECONDS).
        transition_seconds: How long the endpoint may be in creation, update, rollback or deletion before that is no
            longer a reason for its instances to run (TRANSITION_SECONDS).
        hard_stop: Whether idle instances are stopped (HARD_STOP, true or false).
        unscaled_instances: How many may run without work where there is no scalable target (UNSCALED_INSTANCES).
    """

    endpoint_name: str
    variant_name: str
    jobs_table: str
    memory_key: str
    queue_urls: tuple[str, ...]
    alarm_topic: str
    idle_minutes: int
    request_ttl_seconds: int
    invocation_timeout_seconds: int
    transition_seconds: int
    hard_stop: bool
    unscaled_instances: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the variables.

        Raises:
            SettingsError: One is absent, not a whole number, or out of its range.
        """
        return cls(
            endpoint_name=_text(environment, "ENDPOINT_NAME"),
            variant_name=_text(environment, "VARIANT_NAME"),
            jobs_table=_text(environment, "JOBS_TABLE"),
            memory_key=_reserved_key(environment, "MEMORY_KEY"),
            queue_urls=(_text(environment, "INTAKE_QUEUE_URL"), _text(environment, "RESULTS_QUEUE_URL")),
            alarm_topic=_text(environment, "ALARM_TOPIC_ARN"),
            idle_minutes=_number(environment, "IDLE_MINUTES", IDLE_MINUTES_RANGE),
            request_ttl_seconds=_number(environment, "REQUEST_TTL_SECONDS", REQUEST_TTL_SECONDS_RANGE),
            invocation_timeout_seconds=_number(
                environment, "INVOCATION_TIMEOUT_SECONDS", INVOCATION_TIMEOUT_SECONDS_RANGE
            ),
            transition_seconds=_number(environment, "TRANSITION_SECONDS", TRANSITION_SECONDS_RANGE),
            hard_stop=_yes_or_no(environment, "HARD_STOP"),
            unscaled_instances=_number(environment, "UNSCALED_INSTANCES", _INSTANCES_RANGE),
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


def _yes_or_no(environment: Mapping[str, str], name: str) -> bool:
    text = _text(environment, name)
    if text not in _YES_OR_NO:
        raise SettingsError(f"The environment variable {name} is {text!r}: it takes true or false.")
    return _YES_OR_NO[text]


def _reserved_key(environment: Mapping[str, str], name: str) -> str:
    text = _text(environment, name)
    if len(text) <= _LONGEST_JOB_ID:
        raise SettingsError(
            f"The environment variable {name} is {text!r}, which may be the id of a job: it takes more than "
            f"{_LONGEST_JOB_ID} characters."
        )
    return text
