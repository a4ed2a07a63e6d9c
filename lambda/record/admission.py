"""Asks for the next documents after each batch: every outcome makes room at the endpoint for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from shared.batch import Handler

# What is left of the function's time must suffice for a query and a send.
_LEAST_MILLISECONDS = 5_000


class OutcomeCounter:
    """Counts outcomes that were recorded."""

    def __init__(self) -> None:
        self._count = 0

    def add(self) -> None:
        """Counts one."""
        self._count += 1

    def take(self) -> int:
        """Returns how many were counted since the last call."""
        count, self._count = self._count, 0
        return count


def admitting_next(handler: Handler, counter: OutcomeCounter, ask: Callable[[int], int]) -> Handler:
    """Returns a handler that asks for as many documents as it has recorded outcomes.

    The outcomes are recorded whatever happens here: the submitting function and the reconciler ask as well.

    Args:
        handler: Records a batch.
        counter: Counts its outcomes.
        ask: Asks for so many documents; it may raise anything.
    """

    def record_and_ask(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        response = handler(event, context)
        count = counter.take()
        if count and context.get_remaining_time_in_millis() >= _LEAST_MILLISECONDS:
            try:
                ask(count)
            except Exception as error:  # noqa: BLE001 - whatever fails, the outcomes are recorded
                logger.warning("The next documents could not be asked for: %s: %s", type(error).__name__, error)
        return response

    return record_and_ask
