"""The jobs table: its layout in DynamoDB, and writes that keep to `merge` whoever else writes at the same time.

A write is a read, a merge and a conditional UpdateItem on the `revision` that was read; whoever comes second reads
again. A single blind UpdateItem would not do: DynamoDB's `if_not_exists` keeps what came first, so that the order of
arrival would decide. Attributes that are unknown here stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from async_endpoint.protocol.job_record import JobRecord, JobState, merge

if TYPE_CHECKING:
    from collections.abc import Mapping

JOBS_PARTITION_KEY = "job_id"
JOBS_BY_STATE_INDEX = "by-state"
JOBS_BY_STATE_PARTITION_KEY = "state"
JOBS_BY_STATE_SORT_KEY = "updated_at"
JOBS_TTL_ATTRIBUTE = "expires_at"
JOBS_REVISION_ATTRIBUTE = "revision"

_ATTEMPTS = 20  # each attempt that is lost means that another writer's succeeded


class JobTableBusy(Exception):  # reads as what happened
    """Other writers of the same job were first at every attempt; one sentence."""


class TableResource(Protocol):
    """What is used of boto3's DynamoDB Table resource."""

    def get_item(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """GetItem."""

    def update_item(self, *args: Any, **kwargs: Any) -> Any:  # the same
        """UpdateItem."""


def update_expression(item: Mapping[str, Any] | None, record: JobRecord) -> dict[str, Any] | None:
    """The arguments of Table.update_item that merge a record into what the table was seen to hold.

    DynamoDB refuses them with ConditionalCheckFailedException if the item was written since: read it again.

    Args:
        item: The item as GetItem gave it with ConsistentRead; None if there is none.
        record: What is to be added.

    Returns:
        None if the item says all of it already.

    Raises:
        JobRecordError: The item is no record of a job, or of another job.
    """
    merged = merge(JobRecord.from_item(item), record) if item else record
    return _replacement(item or {}, merged)


class JobTable:
    """The jobs table, for whoever writes it.

    Args:
        table: boto3's Table resource, or what behaves like one.
    """

    def __init__(self, table: TableResource) -> None:
        self._table = table

    def get(self, job_id: str) -> JobRecord | None:
        """Read one job, as the last write left it."""
        item = self._item(job_id)
        return JobRecord.from_item(item) if item else None

    def merge(self, record: JobRecord) -> JobRecord:
        """Add what a record says; answers what the table then holds.

        Raises:
            JobTableBusy: Others wrote the same job all the while.
        """
        for _ in range(_ATTEMPTS):
            item = self._item(record.job_id)
            if self._written(update_expression(item, record)):
                return merge(JobRecord.from_item(item), record) if item else record
        raise _busy(record.job_id)

    def claim(self, record: JobRecord, *, now: float) -> JobRecord | None:
        """Take a job for oneself until the record's `claimed_until`: of several at once exactly one succeeds.

        Args:
            record: As `received` makes it.
            now: Epoch seconds.

        Returns:
            None if the job is now claimed; else what stands in the way: a job under another's claim that has not run
            out (its state is RECEIVED), or one that was submitted or has ended.

        Raises:
            JobTableBusy: Others wrote the same job all the while.
        """
        for _ in range(_ATTEMPTS):
            item = self._item(record.job_id)
            if item:
                there = JobRecord.from_item(item)
                if there.state is not JobState.RECEIVED or (there.claimed_until or 0) > now:
                    return there
            if self._written(update_expression(item, record)):
                return None
        raise _busy(record.job_id)

    def release(self, record: JobRecord) -> None:
        """Give back the claim that `claim` took with this record, so that the next one need not wait for its end.

        Does nothing if the job went on, or if the claim is another's by now.
        """
        for _ in range(_ATTEMPTS):
            item = self._item(record.job_id)
            there = JobRecord.from_item(item) if item else None
            if item is None or there is None or there.state is not JobState.RECEIVED:
                return
            if there.claimed_until != record.claimed_until or self._written(_without_claim(item)):
                return
        raise _busy(record.job_id)

    def _item(self, job_id: str) -> dict[str, Any] | None:
        answer = self._table.get_item(Key={JOBS_PARTITION_KEY: job_id}, ConsistentRead=True)
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _written(self, update: dict[str, Any] | None) -> bool:
        """Whether the table holds the update; False if somebody else wrote the item meanwhile."""
        try:
            if update is not None:
                self._table.update_item(**update)
        except Exception as error:
            # botocore's ClientError by its content: this package's protocol does not know botocore.
            if getattr(error, "response", {}).get("Error", {}).get("Code") != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _without_claim(item: Mapping[str, Any]) -> dict[str, Any] | None:
    attributes = {**JobRecord.from_item(item).to_item()}
    del attributes["claimed_until"]
    return _replacement(item, JobRecord.from_item(attributes))


def _replacement(item: Mapping[str, Any], record: JobRecord) -> dict[str, Any] | None:
    """Make an item (empty: none) say what a record says; None if it does."""
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
    named = [*changed, *gone]
    values = {f":{name}": value for name, value in changed.items()}
    condition = f"attribute_not_exists(#{JOBS_REVISION_ATTRIBUTE})"
    if revision:
        condition = f"#{JOBS_REVISION_ATTRIBUTE} = :seen"
        values[":seen"] = revision
    return {
        "Key": {JOBS_PARTITION_KEY: record.job_id},
        "UpdateExpression": f"SET {sets}{removes}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in named},
        "ExpressionAttributeValues": values,
    }


def _busy(job_id: str) -> JobTableBusy:
    return JobTableBusy(f"The job {job_id} was written by others at each of {_ATTEMPTS} attempts: try again.")
