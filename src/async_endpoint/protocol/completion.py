"""The usual outcome of a job as one conditional write, which needs no read and merges what `merge_records` would."""

from __future__ import annotations

from typing import Any

from async_endpoint.protocol.attempts import JobState
from async_endpoint.protocol.job_record import JobRecord
from async_endpoint.protocol.jobs_table_layout import (
    JOBS_PARTITION_KEY,
    JOBS_REVISION_ATTRIBUTE,
    JOBS_TTL_ATTRIBUTE,
)

# The attributes without which an outcome may also add to the upload or the acceptance of its job.
_COMPLETE = (
    *("bucket", "key", "version", "content_type", "input_location", "received_at"),
    *("submitted_at", "output_location", "failure_location"),
)


def completion_update(record: JobRecord) -> dict[str, Any] | None:
    """Returns the arguments of Table.update_item that merge the result of a first attempt into its submitted job.

    The condition holds for a job of which `merge_records` would change exactly the written attributes: its upload and
    its acceptance are complete, it has one attempt, and that has no outcome yet.

    Args:
        record: From `record_outcome`.

    Returns:
        None if the record says something else.
    """
    if record != _usual_outcome(record):
        return None
    values = {
        "state": record.state.value,
        "ended_at": record.ended_at,
        "updated_at": record.updated_at,
        "result_location": record.result_location,
        JOBS_TTL_ATTRIBUTE: record.expires_at,
    }
    sets = ", ".join(f"#{name} = :{name}" for name in values)
    absent = ("attempt", "other_attempts", "reason")
    present = (*_COMPLETE, JOBS_TTL_ATTRIBUTE)
    conditions = [
        "#state = :submitted",
        *(f"attribute_exists(#{name})" for name in present),
        *(f"attribute_not_exists(#{name})" for name in absent),
        f"#{JOBS_TTL_ATTRIBUTE} <= :{JOBS_TTL_ATTRIBUTE}",
    ]
    return {
        "Key": {JOBS_PARTITION_KEY: record.job_id},
        "UpdateExpression": f"SET {sets} ADD #{JOBS_REVISION_ATTRIBUTE} :one",
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {
            f"#{name}": name for name in sorted({*values, *present, *absent, JOBS_REVISION_ATTRIBUTE})
        },
        "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}
        | {":submitted": JobState.SUBMITTED.value, ":one": 1},
    }


def _usual_outcome(record: JobRecord) -> JobRecord | None:
    """Returns what a notification reports of a first attempt with a result; None if the record says less than that."""
    if record.attempt != 1 or None in (record.ended_at, record.result_location, record.expires_at):
        return None
    return JobRecord(
        job_id=record.job_id,
        state=JobState.COMPLETED,
        bucket=record.bucket,
        key=record.key,
        input_location=record.input_location,
        submitted_at=record.submitted_at,
        output_location=record.output_location,
        ended_at=record.ended_at,
        result_location=record.result_location,
        expires_at=record.expires_at,
    )
