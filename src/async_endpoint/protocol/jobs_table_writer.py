"""Records jobs in the jobs table, by writes that are safe beside other writers.

A write is a read, a merge (`merge_records`) and an UpdateItem on the condition that the `revision` is still the same;
the writer that loses reads again. A single unconditional UpdateItem would not do: DynamoDB's `if_not_exists` keeps the
first value, so the order of arrival would decide. A write leaves unknown attributes as they are.
"""

from __future__ import annotations

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
        item = self._item(job_id)
        if item and JOBS_ATTEMPT_OF_ATTRIBUTE in item:
            item = self._item(item[JOBS_ATTEMPT_OF_ATTRIBUTE])
        return JobRecord.from_item(item) if item else None

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

    def merge(self, record: JobRecord, *, claimed: JobRecord | None = None) -> JobRecord:
        """Merges a record into the table and returns the record that the table then holds.

        Args:
            record: The record.
            claimed: The record with which the caller claimed the job. If that made the job, and nobody has written it
                since, its item is known and need not be read.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        if claimed and self._written(update_expression(_new_item(claimed), record)):
            return merge_records(claimed, record)
        return self.change(record.job_id, lambda existing: merge_records(existing, record) if existing else record)

    def complete(self, record: JobRecord) -> bool:
        """Merges the result of a first attempt into its submitted job by one call, without reading it.

        Args:
            record: From `record_outcome`.

        Returns:
            False if the job is in another state, so that `merge` has to decide; then nothing is written.
        """
        update = completion_update(record)
        return update is not None and self._written(update)

    def change(self, job_id: str, change: Callable[[JobRecord | None], JobRecord]) -> JobRecord:
        """Replaces a job by what `change` makes of it, and returns the record that the table then holds.

        Args:
            job_id: The job.
            change: Called with the current record, None for a new job, and again whenever another writer was faster.
                It returns a record that contains the current one: the result of `merge_records`, or the same record.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        for _ in range(_ATTEMPTS):
            item = self._item(job_id)
            record = change(JobRecord.from_item(item) if item else None)
            if self._written(_replacement(item or {}, record)):
                return record
        raise _busy(job_id)

    def claim(self, record: JobRecord, *, now: float, is_new: bool = False) -> JobRecord | None:
        """Claims an attempt until the record's `claimed_until`: of several concurrent callers exactly one succeeds.

        Args:
            record: From `record_received`; its attempt is the first, or the one that the job waits for.
            now: Epoch seconds.
            is_new: Whether the table probably has no such job yet: then its item is read only if it has.

        Returns:
            None if the attempt is now claimed; else the existing record: RECEIVED under the claim of another caller,
            at another attempt, submitted, or with an outcome.

        Raises:
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        if is_new and self._written(update_expression(None, record)):
            return None
        for _ in range(_ATTEMPTS):
            item = self._item(record.job_id)
            if item:
                existing = JobRecord.from_item(item)
                waits = existing.state is JobState.RECEIVED and existing.attempt == record.attempt
                if not waits or (existing.claimed_until or 0) > now:
                    return existing
            if self._written(update_expression(item, record)):
                return None
        raise _busy(record.job_id)

    def release(self, record: JobRecord) -> None:
        """Releases the claim that `claim` took with this record, before it expires.

        Does nothing if the job was submitted meanwhile, or if another caller holds the claim by now.
        """
        for _ in range(_ATTEMPTS):
            item = self._item(record.job_id)
            existing = JobRecord.from_item(item) if item else None
            if item is None or existing is None or existing.state is not JobState.RECEIVED:
                return
            claim = (existing.attempt, existing.claimed_until)
            if claim != (record.attempt, record.claimed_until) or self._written(_without_claim(item)):
                return
        raise _busy(record.job_id)

    def _item(self, job_id: str) -> dict[str, Any] | None:
        response = self._table.get_item(Key={JOBS_PARTITION_KEY: job_id}, ConsistentRead=True)
        item: dict[str, Any] | None = response.get("Item")
        return item

    def _written(self, update: dict[str, Any] | None) -> bool:
        """Writes an update, if there is one; returns False if another writer changed the item meanwhile."""
        try:
            if update is not None:
                self._table.update_item(**update)
        except Exception as error:
            # botocore's ClientError, recognised by its content: the protocol does not import botocore.
            if getattr(error, "response", {}).get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _without_claim(item: Mapping[str, Any]) -> dict[str, Any] | None:
    attributes = {**JobRecord.from_item(item).to_item()}
    del attributes["claimed_until"]
    return _replacement(item, JobRecord.from_item(attributes))


def _new_item(record: JobRecord) -> dict[str, Any]:
    """Returns the item that the first write of a job makes."""
    return record.to_item() | {JOBS_REVISION_ATTRIBUTE: 1}


def _replacement(item: Mapping[str, Any], record: JobRecord) -> dict[str, Any] | None:
    """Returns the update that makes an item (empty: none) equal to a record; None if it already is."""
    wanted = record.to_item()
    before = JobRecord.from_item(item).to_item() if item else {}
    changed = {name: value for name, value in wanted.items() if item.get(name) != value and name != JOBS_PARTITION_KEY}
    gone = [name for name in before if name not in wanted]
    if not changed and not gone:
        return None
    revision = int(item.get(JOBS_REVISION_ATTRIBUTE, 0))
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


def _busy(job_id: str) -> JobsTableBusy:
    return JobsTableBusy(f"Other writers changed the job {job_id} at each of {_ATTEMPTS} attempts: try again.")
