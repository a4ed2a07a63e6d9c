"""SageMaker's notifications of asynchronous inference: the emulator writes them, everybody else parses them.

The shapes are documented by AWS or captured by others. Delivery is at least once and unordered: a consumer of
notifications must be idempotent on the inference id. Where captures disagree the parser takes every variant.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

NotificationKind = Literal["test", "success", "failure", "expired", "unknown"]

_ORIGIN = {"eventVersion": "1.0", "eventSource": "aws:sagemaker"}
_KINDS: dict[object, NotificationKind] = {"completed": "success", "failed": "failure", "expired": "expired"}
_MAXIMUM_ENVELOPES = 3  # SNS in SQS is one; a forwarding queue or topic may add another


class NotificationError(ValueError):
    """A message that is not a JSON object; the message is one sentence."""


@dataclass(frozen=True)
class Notification:
    """The content of one message.

    Attributes:
        kind: `unknown` is a JSON object in an unknown shape.
        failure_location: None if the message has none: use the FailureLocation of the 202 then.
        event_time: When SageMaker wrote the message; None if absent or unreadable.
        received_time: When SageMaker received the request.
        response_body: The result itself, decoded, if the endpoint includes it (results up to 128 KB).
        raw: The message without its envelopes.
    """

    kind: NotificationKind
    inference_id: str | None = None
    endpoint_name: str | None = None
    input_location: str | None = None
    output_location: str | None = None
    failure_location: str | None = None
    failure_reason: str | None = None
    event_time: datetime | None = None
    received_time: datetime | None = None
    response_body: bytes | None = None
    raw: dict[str, Any] = field(default_factory=dict)


def test_notification() -> dict[str, Any]:
    """Returns the message that both topics get when an endpoint is created, updated or changes weight or capacity."""
    return {**_ORIGIN, "eventName": "TestNotification"}


# pytest would otherwise collect it in every test module that imports it.
test_notification.__test__ = False  # type: ignore[attr-defined]  # functions take attributes; typeshed does not say so


def build_success(
    *,
    inference_id: str,
    endpoint_name: str,
    output_location: str,
    region: str,
    received_time: datetime,
    event_time: datetime,
    input_location: str | None = None,
    content_type: str | None = None,
    accept: str | None = None,
    custom_attributes: str | None = None,
    response_content_type: str | None = None,
    response_body: bytes | None = None,
) -> dict[str, Any]:
    """Returns the message of a completed inference.

    Args:
        inference_id: The request's id.
        endpoint_name: The endpoint.
        output_location: The location of the result.
        region: The endpoint's region.
        received_time: When SageMaker received the request; aware.
        event_time: When this message is written; aware.
        input_location: The request's; None if the request had an inline body.
        content_type: The request's.
        accept: The request's.
        custom_attributes: The request's.
        response_content_type: The result's.
        response_body: The result, if the endpoint has IncludeInferenceResponseIn and the result has up to 128 KB.
    """
    message = {
        **_common("Completed", inference_id, region, received_time, event_time),
        "requestParameters": _given(
            accept=accept,
            contentType=content_type,
            customAttributes=custom_attributes,
            endpointName=endpoint_name,
            inputLocation=input_location,
        ),
        "responseParameters": _given(contentType=response_content_type, outputLocation=output_location),
    }
    return _with_body(message, response_body)


def build_failure(
    *,
    inference_id: str,
    endpoint_name: str,
    failure_reason: str,
    region: str,
    received_time: datetime,
    event_time: datetime,
    input_location: str | None = None,
    failure_location: str | None = None,
    failure_location_in: Literal["responseParameters", "top-level", "absent"] = "responseParameters",
    response_body: bytes | None = None,
    status: Literal["Failed", "Expired"] = "Failed",
) -> dict[str, Any]:
    """Returns the message of an inference that failed, or that expired in the queue.

    AWS does not document the place of the failure location in the message: `failure_location_in` sets it.
    """
    message = {
        **_common(status, inference_id, region, received_time, event_time),
        "failureReason": failure_reason,
        "requestParameters": _given(endpointName=endpoint_name, inputLocation=input_location),
    }
    if failure_location is not None and failure_location_in == "responseParameters":
        message["responseParameters"] = {"failureLocation": failure_location}
    elif failure_location is not None and failure_location_in == "top-level":
        message["failureLocation"] = failure_location
    return _with_body(message, response_body)


def parse_notification(message: str | Mapping[str, Any]) -> Notification:
    """Parses a notification, with or without the envelope that SNS adds on the way to SQS.

    Raises:
        NotificationError: The message is not a JSON object.
    """
    raw = _unwrap(message)
    request, response = _mapping(raw, "requestParameters"), _mapping(raw, "responseParameters")
    return Notification(
        kind=_kind(raw),
        inference_id=_text(raw, "inferenceId"),
        endpoint_name=_text(request, "endpointName"),
        input_location=_text(request, "inputLocation"),
        output_location=_text(response, "outputLocation") or _text(raw, "outputLocation"),
        failure_location=_text(response, "failureLocation") or _text(raw, "failureLocation"),
        failure_reason=_text(raw, "failureReason"),
        event_time=_time(raw, "eventTime"),
        received_time=_time(raw, "receivedTime"),
        response_body=_body(_mapping(raw, "responseBody")),
        raw=raw,
    )


def _common(
    status: str, inference_id: str, region: str, received_time: datetime, event_time: datetime
) -> dict[str, Any]:
    return {
        "awsRegion": region,
        "eventTime": _stamp(event_time),
        "receivedTime": _stamp(received_time),
        "invocationStatus": status,
        "inferenceId": inference_id,
        **_ORIGIN,
        "eventName": "InferenceResult",
    }


def _with_body(message: dict[str, Any], body: bytes | None) -> dict[str, Any]:
    if body is not None:
        message["responseBody"] = {"content": base64.b64encode(body).decode("ascii"), "encoding": "BASE64"}
    return message


def _given(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unwrap(message: str | Mapping[str, Any]) -> dict[str, Any]:
    """Removes the envelopes. An envelope has a text under `Message` and no event name of SageMaker's."""
    for _ in range(_MAXIMUM_ENVELOPES):
        content = _load(message) if isinstance(message, str) else dict(message)
        if "eventName" in content or "invocationStatus" in content or not isinstance(content.get("Message"), str):
            break
        message = content["Message"]
    return content


def _load(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotificationError(f"A notification is not JSON ({error}): it begins {text[:60]!r}.") from error
    if not isinstance(content, dict):
        raise NotificationError(f"A notification is a JSON {type(content).__name__}, not an object: {text[:60]!r}.")
    return content


def _kind(raw: Mapping[str, Any]) -> NotificationKind:
    if raw.get("eventName") == "TestNotification":
        return "test"
    return _KINDS.get(str(raw.get("invocationStatus")).lower(), "unknown")


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) and value else None


def _time(raw: Mapping[str, Any], name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(raw, name) or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _body(body: Mapping[str, Any]) -> bytes | None:
    """Decodes an embedded result by its `encoding`; returns None without one, or if it is damaged (see `raw`)."""
    content = body.get("content")
    if not isinstance(content, str):
        return None
    if str(body.get("encoding")).upper() != "BASE64":
        return content.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        return None
