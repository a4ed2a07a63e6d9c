"""What travels between the parts: S3 locations, the rules of an invocation, SageMaker's notifications, job records.

One definition for Lambdas, client and emulator. Standard library only, so that a Lambda can carry it as it is.
"""

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
from async_endpoint.protocol.job_events import ended, received, rejected, submitted, utc_timestamp
from async_endpoint.protocol.job_table import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JOBS_REVISION_ATTRIBUTE,
    JOBS_TTL_ATTRIBUTE,
    JobTable,
    JobTableBusy,
    TableResource,
    update_expression,
)
from async_endpoint.protocol.job_record import JobRecord, JobRecordError, JobState, merge
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.protocol.notifications import (
    Notification,
    NotificationError,
    NotificationKind,
    build_failure,
    build_success,
    parse,
    test_notification,
)
from async_endpoint.protocol.uploads import Upload, job_id

__all__ = [
    "DEFAULT_INVOCATION_TIMEOUT_SECONDS",
    "DEFAULT_REQUEST_TTL_SECONDS",
    "FAILURE_LOCATION_HEADER",
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
    "InvocationError",
    "InvocationRequest",
    "JobRecord",
    "JobRecordError",
    "JobState",
    "JobTable",
    "JobTableBusy",
    "LocationError",
    "Notification",
    "NotificationError",
    "NotificationKind",
    "S3Location",
    "TableResource",
    "Upload",
    "build_failure",
    "build_success",
    "ended",
    "job_id",
    "merge",
    "parse",
    "received",
    "rejected",
    "submitted",
    "test_notification",
    "update_expression",
    "utc_timestamp",
]
