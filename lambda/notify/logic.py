"""Announces the outcomes in a batch of the stream's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_endpoint.protocol import JobRecordError
from notify.changes import Change
from notify.job_finished import JobFinished
from shared.observability import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notify.ports import EventBus


class Notifier:
    """Sends one event for each outcome.

    Args:
        bus: Takes the events.
        endpoint_name: The endpoint.
    """

    def __init__(self, *, bus: EventBus, endpoint_name: str) -> None:
        self._bus = bus
        self._endpoint_name = endpoint_name

    def process(self, records: Sequence[dict[str, Any]]) -> str | None:
        """Announces the outcomes in records of the stream, in their order.

        Returns:
            The sequence number of the first record that is not done, None if all are. Lambda delivers that record again
            and all that follow, even those that are done: their events are then sent twice.
        """
        outcomes: list[tuple[str, Change]] = []
        failed: set[str] = set()
        for record in records:
            number = _number(record)
            try:
                change = Change.from_record(record)
            except JobRecordError:
                # Those after it are announced all the same: Lambda may give up on them together with this one.
                logger.exception("A record of the stream cannot be processed; Lambda delivers it again.")
                failed.add(number)
                continue
            if change.is_outcome:
                outcomes.append((number, change))
        failed |= self._announce(outcomes)
        return next((number for number in map(_number, records) if number in failed), None)

    def _announce(self, outcomes: Sequence[tuple[str, Change]]) -> set[str]:
        """Sends the events; returns the sequence numbers of those that were not accepted."""
        errors = self._bus.put([self._detail(change) for _, change in outcomes])
        failed = set()
        for (number, change), error in zip(outcomes, errors, strict=True):
            job = change.after
            if error is None:
                logger.info("The job is %s, and announced.", job.state, extra={"job_id": job.job_id})
            else:
                logger.warning(
                    "The job is %s, and EventBridge did not accept its event, which is sent again: %s",
                    job.state,
                    error,
                    extra={"job_id": job.job_id},
                )
                failed.add(number)
        return failed

    def _detail(self, change: Change) -> dict[str, Any]:
        return {**JobFinished.from_change(change, endpoint_name=self._endpoint_name).to_detail()}


def _number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
