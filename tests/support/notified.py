"""The messages of the results queue: SageMaker's notifications in SNS's envelope."""

import json
from datetime import UTC, datetime
from typing import Any

from async_endpoint.protocol import InvocationRequest, build_failure, build_success

MOMENT = datetime(2027, 1, 15, 8, 3, tzinfo=UTC)


def success(request: InvocationRequest, place: str) -> str:
    """Returns what the record function gets for a result."""
    return _enveloped(build_success(**_common(request), output_location=place))


def failure(request: InvocationRequest, reason: str) -> str:
    """Returns what the record function gets for a failure."""
    return _enveloped(build_failure(**_common(request), failure_reason=reason, failure_location=None, status="Failed"))


def _common(request: InvocationRequest) -> dict[str, Any]:
    return {
        "inference_id": request.inference_id or "",
        "endpoint_name": request.endpoint_name,
        "input_location": request.input_location,
        "region": "ap-northeast-1",
        "received_time": MOMENT,
        "event_time": MOMENT,
    }


def _enveloped(message: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "Message": json.dumps(message)})
