"""Announces the outcomes in a batch of the stream's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_endpoint.protocol import JobRecordError
from notify.changes import Change
from notify.job_finished import WEBHOOK, JobFinished
from notify.signature import SecretError
from shared.observability import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notify.ports import Documents, EventBus, Jobs
    from notify.signature import Signer


class Notifier:
    """Sends one event for each outcome.

    Args:
        bus: Takes the events.
        jobs: The jobs table, for those that are announced by command.
        endpoint_name: The endpoint.
        signer: Signs what the webhook gets; None without a webhook.
        documents: The documents to tag; None to tag none.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        jobs: Jobs,
        endpoint_name: str,
        signer: Signer | None = None,
        documents: Documents | None = None,
    ) -> None:
        self._bus = bus
        self._jobs = jobs
        self._endpoint_name = endpoint_name
        self._signer = signer
        self._documents = documents

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
                if self._documents:
                    self._documents.tag(change.after)
        failed |= self._announce(outcomes)
        return next((number for number in map(_number, records) if number in failed), None)

    def announce(self, job_ids: Iterable[str]) -> list[str]:
        """Announces jobs by command, with a new signature; returns those that have no outcome, or no event."""
        jobs = {job_id: self._jobs.find(job_id) for job_id in job_ids}
        failed = self._announce([(job_id, job) for job_id, job in jobs.items() if job and job.is_outcome])
        return [job_id for job_id, job in jobs.items() if job_id in failed or not (job and job.is_outcome)]

    def _announce(self, outcomes: Sequence[tuple[str, Change]]) -> set[str]:
        """Sends the events; returns the names of those that were not accepted, or not signed."""
        details = [self._detail(change) for _, change in outcomes]
        failed = set()
        for (name, change), detail, error in zip(outcomes, details, self._bus.put(details), strict=True):
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
            if error is not None or (self._signer and WEBHOOK not in detail):
                failed.add(name)
        return failed

    def _detail(self, change: Change) -> dict[str, Any]:
        """Returns the event of an outcome; without the webhook's body if it cannot be signed, for all others."""
        detail: dict[str, Any] = {**JobFinished.from_change(change, endpoint_name=self._endpoint_name).to_detail()}
        if self._signer:
            try:
                detail[WEBHOOK] = self._signer.envelope(detail)
            except SecretError as error:
                logger.error("The webhook gets nothing until this is fixed: %s", error)
        return detail


def _number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
