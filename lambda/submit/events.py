"""The messages of the intake queue: EventBridge's events of new objects, and requests for another attempt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from async_endpoint.protocol import AttemptRequest, AttemptRequestError


class NotAnUpload(ValueError):
    """A message that is not the event of a new object; the message is one sentence that says what it is instead."""


def parse_message(message: str) -> ObjectCreated | AttemptRequest:
    """Parses the body of a message.

    Raises:
        NotAnUpload: It is something else.
    """
    event = _json_object(message)
    try:
        return AttemptRequest.from_event(event) or ObjectCreated.from_event(event)
    except AttemptRequestError as error:
        raise NotAnUpload(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class ObjectCreated:
    """`Object Created` of Amazon S3.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    Attributes:
        bucket: The bucket's name.
        key: The object's key as S3 stores it. EventBridge does not URL-encode it, S3's own messages to SQS do.
        size: In bytes.
        etag: Without quotes.
        version_id: None if the bucket has no versioning, or the event has no version.
        region: The bucket's region.
        at: When it happened.
    """

    bucket: str
    key: str
    size: int
    etag: str
    version_id: str | None
    region: str
    at: datetime

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> ObjectCreated:
        """Returns the object of an event.

        Raises:
            NotAnUpload: It is something else.
        """
        if event.get("source") != "aws.s3" or event.get("detail-type") != "Object Created":
            raise NotAnUpload(f"The message is not the event of a new object but {_describe(event)}.")
        try:
            return cls._from_event(event)
        except (KeyError, TypeError, ValueError) as error:
            raise NotAnUpload(
                f"The event {event.get('id')!r} of a new object is invalid ({type(error).__name__}: {error}): "
                "it needs bucket, key, size, etag, region and time."
            ) from error

    @classmethod
    def _from_event(cls, event: dict[str, Any]) -> ObjectCreated:
        created = event["detail"]["object"]
        moment = datetime.fromisoformat(event["time"])
        return cls(
            bucket=_text(event["detail"]["bucket"]["name"]),
            key=_text(created["key"]),
            size=int(created["size"]),
            etag=_text(created["etag"]),
            version_id=created.get("version-id"),
            region=_text(event["region"]),
            at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        )


def _json_object(message: str) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise NotAnUpload(f"The message is not JSON ({error}): it begins {message[:60]!r}.") from error
    if not isinstance(event, dict):
        raise NotAnUpload(f"The message is a JSON {type(event).__name__}, not an object.")
    return event


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a text")
    return value


def _describe(event: dict[str, Any]) -> str:
    if event.get("Event") == "s3:TestEvent" or "Records" in event:
        return "S3's own message to SQS, whose keys are URL-encoded: let the bucket send to EventBridge"
    if "Type" in event and "Message" in event:
        return "a message of SNS"
    if "source" in event or "detail-type" in event:
        return f"{event.get('detail-type')!r} of {event.get('source')!r}"
    return f"an object with the members {', '.join(sorted(event)) or 'none'}"
