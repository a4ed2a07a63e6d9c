"""Wakes the endpoint after a batch whose documents it has accepted, once for a burst.

The documents are submitted whatever happens here: an error is a line in the log, and the wake alarm starts instances
later.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config

from async_endpoint.protocol import VariantScaling, WakeAttempt, WakeResult, hold_wake_alarm, wake
from shared.observability import logger
from shared.queues import messages_in
from shared.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from async_endpoint.protocol import InvocationRequest
    from shared.batch import Handler
    from submit.ports import Acceptance, Endpoint

# One attempt for each call: the next batch tries again, and the alarm is behind it.
_IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=1, read_timeout=2)
_INSTANCES_RANGE = (1, 100_000)
_COOLDOWN_RANGE = (0, 86_400)
# How long a finding holds. An endpoint that has fallen asleep meanwhile is woken by its alarm, or by the next batch.
_SECONDS_KNOWN = {WakeResult.WOKEN: 60.0, WakeResult.AWAKE: 30.0, WakeResult.BUSY: 5.0, WakeResult.LEFT_ALONE: 60.0}
_SECONDS_AFTER_AN_ERROR = 15.0
# Five calls of almost 2 s each; one that takes longer ends the attempt. A function that ran out of time here would have
# its batch delivered again, though the documents are submitted.
_LEAST_MILLISECONDS = 10_000
# More jobs that wait for admission are not counted: reading a thousand of them takes a moment.
_MOST_COUNTED = 5_000


class CountUpTo(Protocol):
    """Counts jobs."""

    def __call__(self, *, most: int) -> int:
        """Returns how many there are, counting no further than `most`."""


@dataclass(frozen=True, kw_only=True)
class WakeSettings:
    """The settings from the stack.

    Attributes:
        endpoint_name: The endpoint (ENDPOINT_NAME).
        variant_name: Its one variant (VARIANT_NAME).
        intake_queue: URL of the queue of the function's own messages (INTAKE_QUEUE_URL).
        backlog_per_instance: Waiting documents for each instance (BACKLOG_PER_INSTANCE).
        hold_seconds: How long the wake alarm adds no instances to those of a wake (WAKE_COOLDOWN_SECONDS).
    """

    endpoint_name: str
    variant_name: str
    intake_queue: str
    backlog_per_instance: int
    hold_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> WakeSettings | None:
        """Reads and checks the variables; returns None without WAKE_ON_SUBMIT, or if it is false.

        Raises:
            SettingsError: A variable is missing or out of range.
        """
        variables = Environment(environment)
        if "WAKE_ON_SUBMIT" not in environment or not variables.boolean("WAKE_ON_SUBMIT"):
            return None
        return cls(
            endpoint_name=variables.text("ENDPOINT_NAME"),
            variant_name=variables.text("VARIANT_NAME"),
            intake_queue=variables.text("INTAKE_QUEUE_URL"),
            backlog_per_instance=variables.number("BACKLOG_PER_INSTANCE", _INSTANCES_RANGE),
            hold_seconds=variables.number("WAKE_COOLDOWN_SECONDS", _COOLDOWN_RANGE),
        )


class CountingEndpoint:
    """An endpoint that counts the requests that it accepts.

    Args:
        endpoint: Receives the requests.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._accepted = 0

    def invoke(self, request: InvocationRequest) -> Acceptance:
        """Submits a request, and counts it if it is accepted."""
        acceptance = self._endpoint.invoke(request)
        self._accepted += 1
        return acceptance

    def take_count(self) -> int:
        """Returns how many requests were accepted since the last call."""
        count, self._accepted = self._accepted, 0
        return count


class Waker:
    """Wakes a sleeping endpoint, and remembers for some seconds what it has found.

    Args:
        attempt: Tries once, for so many documents that were accepted just now.
        hold_alarm: Keeps the wake alarm from adding to the capacity that was set. Both may raise anything.
        clock: Seconds on a monotonic clock.
    """

    def __init__(
        self, attempt: Callable[[int], WakeAttempt], hold_alarm: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._attempt = attempt
        self._hold_alarm = hold_alarm
        self._clock = clock
        self._known_until = float("-inf")
        self._warned_of: str | None = None

    def after_batch(self, accepted: int) -> None:
        """Wakes the endpoint if it sleeps and there are documents for it. Raises nothing.

        Args:
            accepted: How many documents of the batch it has accepted, or wait for admission.
        """
        if not accepted or self._clock() < self._known_until:
            return
        try:
            found = self._attempt(accepted)
        except Exception as error:  # noqa: BLE001 - whatever fails, the documents are submitted
            self._known_until = self._clock() + _SECONDS_AFTER_AN_ERROR
            self._warn_once(f"The endpoint was not woken, its alarm does that later: {type(error).__name__}: {error}")
            return
        self._known_until = self._clock() + _SECONDS_KNOWN[found.result]
        if found.result is WakeResult.WOKEN:
            logger.info(found.sentence)
            self._hold()
        if found.result is WakeResult.LEFT_ALONE:
            self._warn_once(f"{found.sentence} The function does not wake it.")
        else:
            self._warned_of = None

    def _hold(self) -> None:
        try:
            self._hold_alarm()
        except Exception as error:  # noqa: BLE001 - the endpoint is awake, and that is what counts
            logger.warning(
                "The wake alarm could not be held and may start as many instances again: %s: %s",
                type(error).__name__,
                error,
            )

    def _warn_once(self, warning: str) -> None:
        """Logs a warning, unless the last one was the same."""
        if warning != self._warned_of:
            logger.warning(warning)
        self._warned_of = warning


def waking(handler: Handler, take_count: Callable[[], int], waker: Waker) -> Handler:
    """Returns a handler that wakes the endpoint after each batch.

    Args:
        handler: Submits a batch.
        take_count: Returns how many of its documents the endpoint has accepted, or wait for admission.
        waker: Wakes the endpoint.
    """

    def submit_and_wake(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        response = handler(event, context)
        accepted = take_count()
        if context.get_remaining_time_in_millis() >= _LEAST_MILLISECONDS:
            waker.after_batch(accepted)
        elif accepted:
            logger.warning("The batch took too long to look whether the endpoint sleeps; its alarm wakes it.")
        return response

    return submit_and_wake


def make_waker(settings: WakeSettings, put_aside: CountUpTo | None = None) -> Waker:
    """Returns the waker for the function's own account and region.

    Args:
        settings: The settings from the stack.
        put_aside: Returns how many jobs wait for admission; without it, none does.
    """
    variant = VariantScaling(
        boto3.client("sagemaker", config=_IMPATIENT),
        boto3.client("application-autoscaling", config=_IMPATIENT),
        endpoint=settings.endpoint_name,
        variant=settings.variant_name,
    )
    sqs, cloudwatch = boto3.client("sqs", config=_IMPATIENT), boto3.client("cloudwatch", config=_IMPATIENT)

    def waiting(accepted: int) -> int:
        # The batch's own messages are in flight until the function returns. The count is an estimate.
        messages = messages_in(sqs, settings.intake_queue)
        return max(accepted, messages + (put_aside(most=_MOST_COUNTED) if put_aside else 0))

    def attempt(accepted: int) -> WakeAttempt:
        return wake(
            variant,
            waiting=lambda: waiting(accepted),
            backlog_per_instance=lambda: settings.backlog_per_instance,
        )

    def hold_alarm() -> None:
        hold_wake_alarm(cloudwatch, settings.endpoint_name, now=datetime.now(UTC), seconds=settings.hold_seconds)

    return Waker(attempt, hold_alarm, time.monotonic)
