"""Announces outcomes again: the notify function sends their events, with a new signature for the webhook."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from async_endpoint.protocol import JobState, utc_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from async_endpoint.client import JobsTableReader

# The function reads each job, and sends ten events at a time: far less than its shortest timeout.
_BATCH = 50


class AnnouncementError(Exception):
    """The function did not work; the message says why, and what to do."""


def jobs_with_outcomes(records: JobsTableReader, state: JobState | None, since: datetime) -> Iterator[str]:
    """Yields the ids of the jobs that reached a final state since a moment, newest first.

    Args:
        records: The jobs table.
        state: A final state; None for all.
        since: The moment; aware.

    Raises:
        RecordsError: The table could not be read.
    """
    oldest = utc_timestamp(since)
    for each in [state] if state else [each for each in JobState if each.is_final]:
        found = takewhile(lambda job: (job.updated_at or "") >= oldest, records.list(each))
        yield from (job.job_id for job in found)


class Announcer:
    """Invokes the notify function.

    Args:
        functions: boto3's client of `lambda`.
        name: The function's name.
    """

    def __init__(self, functions: Any, name: str) -> None:  # the client has no stubs
        self._functions = functions
        self._name = name

    def announce(self, job_ids: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Announces jobs, and yields after each batch how many it had and those that were not announced.

        Those have no outcome, are not in the table, or EventBridge or the signature failed: see the function's log.

        Raises:
            AnnouncementError: The function failed. Jobs of earlier batches are announced.
            ClientError: It could not be invoked.
        """
        for start in range(0, len(job_ids), _BATCH):
            batch = job_ids[start : start + _BATCH]
            response = self._functions.invoke(FunctionName=self._name, Payload=json.dumps({"job_ids": batch}))
            payload = json.loads(response["Payload"].read())
            if "FunctionError" in response:
                raise AnnouncementError(
                    f"The function {self._name} failed: {payload.get('errorMessage', payload)}. Read its log, remove "
                    "the cause, then announce again: subscribers ignore what they know."
                )
            yield len(batch), list(payload["not_announced"])
