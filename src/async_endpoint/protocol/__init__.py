"""What travels between the parts: S3 locations, the rules of an invocation, and SageMaker's notifications.

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

__all__ = [
    "DEFAULT_INVOCATION_TIMEOUT_SECONDS",
    "DEFAULT_REQUEST_TTL_SECONDS",
    "FAILURE_LOCATION_HEADER",
    "INVOCATION_TIMEOUT_SECONDS_RANGE",
    "MAXIMUM_INLINE_BODY_BYTES",
    "OUTPUT_LOCATION_HEADER",
    "REQUEST_TTL_SECONDS_RANGE",
    "InvocationError",
    "InvocationRequest",
    "LocationError",
    "Notification",
    "NotificationError",
    "NotificationKind",
    "S3Location",
    "build_failure",
    "build_success",
    "parse",
    "test_notification",
]
