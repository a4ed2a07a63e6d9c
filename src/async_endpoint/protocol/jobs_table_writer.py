"""Records jobs in the jobs table, by writes that are safe beside other writers.

A write is a read, a merge (`merge_records`) and an UpdateItem on the condition that the `revision` is still the same;
the writer that loses reads again. A single unconditional UpdateItem would not do: DynamoDB's `if_not_exists` keeps the
first value, so the order of arrival would decide. A write leaves unknown attributes as they are.

A caller that writes a job several times passes a `SeenJob`, and the read is left out where the item is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from async_endpoint.protocol.attempts import JobState, attempt_id, is_attempt_id
from async_endpoint.protocol.completion import completion_update
from async_endpoint.protocol.job_record import JobRecord, merge_records
from async_endpoint.protocol.jobs_table_layout import (
    JOBS_ATTEMPT_ATTRIBUTE,
    JOBS_ATTEMPT_OF_ATTRIBUTE,
    JOBS_PARTITION_KEY,
    JOBS_REVISION_ATTRIBUTE,
    JOBS_TTL_ATTRIBUTE,
)
from async_endpoint.protocol.seen_job import SeenJob
from async_endpoint.protocol.service_errors import service_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ATTEMPTS = 20  # each lost attempt means that another writer succeeded


class JobsTableBusy(Exception):
    """Other writers of the same job were faster at every attempt; the message is one sentence."""


class TableResource(Protocol):
    """The used methods of boto3's DynamoDB Table resource."""

    def get_item(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """GetItem."""

    def update_item(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """UpdateItem."""


def update_expression(item: Mapping[str, Any] | None, record: JobRecord) -> dict[str, Any] | None:
    """Returns the arguments of Table.update_item that merge a record into an item.

    DynamoDB rejects them with ConditionalCheckFailedException if the item was written since: read it again.

    Args:
        item: The item from GetItem with ConsistentRead; None for a new job.
        record: The record to merge into it.

    Returns:
        None if the item already contains the record.

    Raises:
        JobRecordError: The item is not a record of a job, or belongs to another job.
    """
    merged = merge_records(JobRecord.from_item(item), record) if item else record
    return _replacement(item or {}, merged)


class JobsTableWriter:
    """The jobs table, for its writers.

    Args:
        table: boto3's Table resource, or an object with the same two methods.
    """

    def __init__(self, table: TableResource) -> None:
        self._table = table

    def get(self, job_id: str) -> JobRecord | None:
        """Returns one job, read consistently, or None.

        Args:
            job_id: The job's id, or the InferenceId of one of its attempts.
        """
        return self.look(job_id).record

    def look(self, job_id: str) -> SeenJob:
        """Returns one job as `get` does, for the writes that follow."""
        item = self._item(job_id)
        if item and JOBS_ATTEMPT_OF_ATTRIBUTE in item:
            item = self._item(item[JOBS_ATTEMPT_OF_ATTRIBUTE])
        return SeenJob(item)

    def find_attempt(self, inference_id: str) -> tuple[str, int]:
        """Returns the job of an InferenceId, and the number of the attempt; an id unknown here is a job of its own."""
        item = self._item(inference_id) if is_attempt_id(inference_id) else None
        if item and JOBS_ATTEMPT_OF_ATTRIBUTE in item:
            return item[JOBS_ATTEMPT_OF_ATTRIBUTE], int(item[JOBS_ATTEMPT_ATTRIBUTE])
        return inference_id, 1

    def name_attempt(self, record: JobRecord) -> str:
        """Returns the InferenceId of a record's attempt, from which `find_attempt` leads back to its job."""
        inference_id = attempt_id(record.job_id, record.attempt)
        if record.attempt > 1:
            attributes = {
                JOBS_ATTEMPT_OF_ATTRIBUTE: record.job_id,
                JOBS_ATTEMPT_ATTRIBUTE: record.attempt,
                JOBS_TTL_ATTRIBUTE: record.expires_at,
            }
            self._table.update_item(
                Key={JOBS_PARTITION_KEY: inference_id},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
                ExpressionAttributeNames={f"#{name}": name for name in attributes},
                ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
            )
        return inference_id

    def merge(self, record: JobRecord, *, seen: SeenJob | None = None) -> JobRecord:
        """Merges a record into the table and returns the record that the table then holds.

        Args:
            record: The record.
            seen: The job as the caller has seen it; without it, it is read.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        return self.change(
            record.job_id, lambda existing: merge_records(existing, record) if existing else record, seen=seen
        )

    def complete(self, record: JobRecord) -> bool:
        """Merges the result of a first attempt into its submitted job by one call, without reading it.

        Args:
            record: From `record_outcome`.

        Returns:
            False if the job is in another state, so that `merge` has to decide; then nothing is written.
        """
        update = completion_update(record)
        return update is not None and self._written(update)

    def change(
        self, job_id: str, change: Callable[[JobRecord | None], JobRecord], *, seen: SeenJob | None = None
    ) -> JobRecord:
        """Replaces a job by what `change` makes of it, and returns the record that the table then holds.

        Args:
            job_id: The job.
            change: Called with the current record, None for a new job, and again whenever another writer was faster.
                It returns a record that contains the current one: the result of `merge_records`, or the same record.
            seen: The job as the caller has seen it; without it, it is read.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        seen = seen or SeenJob(self._item(job_id))
        for _ in range(_ATTEMPTS):
            record = change(seen.record)
            if self._replaced(seen, record):
                return record
        raise _busy(job_id)

    def claim(self, record: JobRecord, *, now: float, seen: SeenJob | None = None) -> JobRecord | None:
        """Claims an attempt until the record's `claimed_until`: of several concurrent callers exactly one succeeds.

        Args:
            record: From `record_received`; its attempt is the first, or the one that the job waits for.
            now: Epoch seconds.
            seen: The job as the caller has seen it; without it, it is read.

        Returns:
            None if the attempt is now claimed; else the existing record: RECEIVED under the claim of another caller,
            at another attempt, submitted, or with an outcome.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        is_read, seen = seen is None, seen or SeenJob(self._item(record.job_id))
        for _ in range(_ATTEMPTS):
            existing = seen.record
            if existing and (existing.state is not JobState.RECEIVED or existing.attempt != record.attempt):
                return existing
            if existing and (existing.claimed_until or 0) > now:
                if is_read:
                    return existing
                seen.item = self._item(record.job_id)  # the claim may be over by now
            elif self._replaced(seen, merge_records(existing, record) if existing else record):
                return None
            is_read = True
        raise _busy(record.job_id)

    def release(self, record: JobRecord, *, seen: SeenJob | None = None) -> None:
        """Releases the claim that `claim` took with this record, before it expires.

        Does nothing if the job was submitted meanwhile, or if another caller holds the claim by now.

        Args:
            record: The record of the claim.
            seen: The job as the caller has seen it; without it, it is read.
        """
        seen = seen or SeenJob(self._item(record.job_id))
        for _ in range(_ATTEMPTS):
            existing = seen.record
            if existing is None or existing.state is not JobState.RECEIVED:
                return
            claim = (existing.attempt, existing.claimed_until)
            if claim != (record.attempt, record.claimed_until):
                return
            if self._replaced(seen, replace(existing, claimed_until=None)):
                return
        raise _busy(record.job_id)

    def _item(self, job_id: str) -> dict[str, Any] | None:
        response = self._table.get_item(Key={JOBS_PARTITION_KEY: job_id}, ConsistentRead=True)
        item: dict[str, Any] | None = response.get("Item")
        return item

    def _replaced(self, seen: SeenJob, record: JobRecord) -> bool:
        """Replaces a job by a record; if another writer was faster, it reads the job again and returns False."""
        update = _replacement(seen.item or {}, record)
        if self._written(update):
            if update is not None:
                seen.item = record.to_item() | {JOBS_REVISION_ATTRIBUTE: _revision(seen.item or {}) + 1}
            return True
        seen.item = self._item(record.job_id)
        return False

    def _written(self, update: dict[str, Any] | None) -> bool:
        """Writes an update, if there is one; returns False if another writer changed the item meanwhile."""
        try:
            if update is not None:
                self._table.update_item(**update)
        except Exception as error:
            if service_error(error).get("Code") != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _replacement(item: Mapping[str, Any], record: JobRecord) -> dict[str, Any] | None:
    """Returns the update that makes an item (empty: none) equal to a record; None if it already is."""
    wanted = record.to_item()
    before = JobRecord.from_item(item).to_item() if item else {}
    changed = {name: value for name, value in wanted.items() if item.get(name) != value and name != JOBS_PARTITION_KEY}
    gone = [name for name in before if name not in wanted]
    if not changed and not gone:
        return None
    revision = _revision(item)
    changed[JOBS_REVISION_ATTRIBUTE] = revision + 1
    sets = ", ".join(f"#{name} = :{name}" for name in changed)
    removes = " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
    values = {f":{name}": value for name, value in changed.items()}
    # An item of another hand may have no revision.
    absent = JOBS_REVISION_ATTRIBUTE if item else JOBS_PARTITION_KEY
    condition = f"attribute_not_exists(#{absent})"
    if revision:
        condition = f"#{JOBS_REVISION_ATTRIBUTE} = :seen"
        values[":seen"] = revision
    return {
        "Key": {JOBS_PARTITION_KEY: record.job_id},
        "UpdateExpression": f"SET {sets}{removes}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {
            f"#{name}": name for name in (*changed, *gone, *([] if item else [JOBS_PARTITION_KEY]))
        },
        "ExpressionAttributeValues": values,
    }


def _revision(item: Mapping[str, Any]) -> int:
    return int(item.get(JOBS_REVISION_ATTRIBUTE, 0))


def _busy(job_id: str) -> JobsTableBusy:
    return JobsTableBusy(f"Other writers changed the job {job_id} at each of {_ATTEMPTS} attempts: try again.")
