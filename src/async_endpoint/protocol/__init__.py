"""The data that the parts exchange: S3 locations, media types, invocations, notifications, job records.

One definition for Lambdas, client, stacks and emulator. Standard library only: Lambdas include it unchanged.
"""

from async_endpoint.protocol.attempt_requests import AttemptRequest, AttemptRequestError
from async_endpoint.protocol.attempts import Attempt, JobState, attempt_id
from async_endpoint.protocol.failure_objects import FAILURE_OBJECT_BYTES, failure_sentence
from async_endpoint.protocol.failure_reasons import is_transient
from async_endpoint.protocol.invocation import (
    DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TTL_SECONDS,
    FAILURE_LOCATION_HEADER,
    INVOCATION_TIMEOUT_SECONDS_RANGE,
    MAXIMUM_INLINE_BODY_BYTES,
    OUTPUT_LOCATION_HEADER,
    REQUEST_TTL_SECONDS_RANGE,
    InvocationError,
    InvocationRequest,
)
from async_endpoint.protocol.job_events import (
    record_attempt,
    record_cancelled,
    record_outcome,
    record_received,
    record_rejected,
    record_submitted,
    utc_timestamp,
)
from async_endpoint.protocol.job_record import JobRecord, JobRecordError, merge_records
from async_endpoint.protocol.jobs_table_layout import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JOBS_REVISION_ATTRIBUTE,
    JOBS_TTL_ATTRIBUTE,
)
from async_endpoint.protocol.jobs_table_writer import (
    JobsTableBusy,
    JobsTableWriter,
    TableResource,
    update_expression,
)
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.protocol.media_types import (
    ANY_IMAGE,
    DOCUMENT_SUFFIXES,
    FORMATS,
    SIGNATURE_BYTES,
    DocumentFormat,
    format_of,
    request_content_type,
    upload_content_type,
)
from async_endpoint.protocol.notifications import (
    Notification,
    NotificationError,
    NotificationKind,
    build_failure,
    build_success,
    parse_notification,
    test_notification,
)
from async_endpoint.protocol.uploads import Upload, job_id

__all__ = [
    "ANY_IMAGE",
    "DEFAULT_INVOCATION_TIMEOUT_SECONDS",
    "DEFAULT_REQUEST_TTL_SECONDS",
    "DOCUMENT_SUFFIXES",
    "FAILURE_LOCATION_HEADER",
    "FAILURE_OBJECT_BYTES",
    "FORMATS",
    "INVOCATION_TIMEOUT_SECONDS_RANGE",
    "JOBS_BY_STATE_INDEX",
    "JOBS_BY_STATE_PARTITION_KEY",
    "JOBS_BY_STATE_SORT_KEY",
    "JOBS_PARTITION_KEY",
    "JOBS_REVISION_ATTRIBUTE",
    "JOBS_TTL_ATTRIBUTE",
    "MAXIMUM_INLINE_BODY_BYTES",
    "OUTPUT_LOCATION_HEADER",
    "REQUEST_TTL_SECONDS_RANGE",
    "SIGNATURE_BYTES",
    "Attempt",
    "AttemptRequest",
    "AttemptRequestError",
    "DocumentFormat",
    "InvocationError",
    "InvocationRequest",
    "JobRecord",
    "JobRecordError",
    "JobState",
    "JobsTableBusy",
    "JobsTableWriter",
    "LocationError",
    "Notification",
    "NotificationError",
    "NotificationKind",
    "S3Location",
    "TableResource",
    "Upload",
    "attempt_id",
    "build_failure",
    "build_success",
    "failure_sentence",
    "format_of",
    "is_transient",
    "job_id",
    "merge_records",
    "parse_notification",
    "record_attempt",
    "record_cancelled",
    "record_outcome",
    "record_received",
    "record_rejected",
    "record_submitted",
    "request_content_type",
    "test_notification",
    "update_expression",
    "upload_content_type",
    "utc_timestamp",
]
