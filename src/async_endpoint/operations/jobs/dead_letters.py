"""The dead-letter queues of a workflow: how many messages, a look at some, and their deletion."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from async_endpoint.counted import counted
from async_endpoint.protocol import (
    AttemptRequest,
    AttemptRequestError,
    LocationError,
    NotificationError,
    S3Location,
    Upload,
    job_id,
    parse_notification,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from async_endpoint.operations.deadline import Deadline
    from async_endpoint.protocol import JobRecord, JobsTableWriter

HIDDEN_SECONDS = 10
"""A look hides the messages that it received from other receivers for so long."""

_Description = tuple[str, str | None, str | None]
_UNKNOWN = "of an unknown kind"
_OF_OUTCOMES = "async-endpoint"  # the source of our events
_BATCH = 10  # the most that ReceiveMessage returns
_EMPTY_RECEIVES = 3  # SQS asks only some of its servers each time


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message in a dead-letter queue.

    Attributes:
        message_id: Its id in SQS.
        kind: What it is, in a few words.
        document: The location of its document, if known.
        job_id: Its job, if known.
        sent_at: When it was sent to its first queue; aware.
        receive_count: How often it was received, this look included.
        reason: Why EventBridge could not deliver it, or else the reason in the record of its job; None if unknown.
        job_state: The state of its job; None if the job has no record.
    """

    message_id: str
    kind: str
    document: str | None
    job_id: str | None
    sent_at: datetime
    receive_count: int
    reason: str | None = None
    job_state: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns its attributes for JSON."""
        return {**vars(self), "sent_at": self.sent_at.isoformat()}


class DeadLetterQueue:
    """A DLQ.

    Args:
        sqs: A client of `sqs`.
        url: Its URL.
        jobs: The jobs table, for the jobs of messages.
    """

    def __init__(self, sqs: SQSClient, url: str, jobs: JobsTableWriter) -> None:
        self._sqs = sqs
        self._url = url
        self._jobs = jobs

    def count(self) -> int:
        """Returns about how many messages it has, hidden ones included."""
        return sum(self._counts())

    def await_hidden(self, deadline: Deadline) -> int:
        """Waits until no message is hidden by a look: SQS moves only visible ones.

        Returns:
            About how many are still hidden when the time is up, such as those of another receiver.
        """
        while (hidden := self._counts()[1]) and deadline.pause():
            pass
        return hidden

    def _counts(self) -> tuple[int, int]:
        """Returns about how many messages are visible, and how many hidden, at one time."""
        names: tuple[QueueAttributeNameType, QueueAttributeNameType] = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        )
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        visible, hidden = (int(found[name]) for name in names)
        return visible, hidden

    def sample(self, limit: int) -> list[DeadLetter]:
        """Returns some of its messages, at most `limit`, oldest first; they stay in the queue.

        The DLQ itself has no limit of receives, so a look does not use up an attempt.
        """
        found: dict[str, DeadLetter] = {}
        empty = 0
        while len(found) < limit and empty < _EMPTY_RECEIVES:
            messages = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(_BATCH, limit - len(found)),
                VisibilityTimeout=HIDDEN_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["ERROR_CODE", "ERROR_MESSAGE"],
            ).get("Messages", [])
            new = [message for message in messages if message["MessageId"] not in found]
            empty = 0 if new else empty + 1
            found |= {message["MessageId"]: self._with_job(parse_dead_letter(message)) for message in new}
        return sorted(found.values(), key=lambda letter: letter.sent_at)

    def purge(self) -> None:
        """Deletes all messages; SQS takes up to a minute for it.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html
        """
        self._sqs.purge_queue(QueueUrl=self._url)

    def _with_job(self, letter: DeadLetter) -> DeadLetter:
        if letter.job_id is None:
            return letter
        job: JobRecord | None = self._jobs.get(letter.job_id)
        if job is None:
            return letter
        document = S3Location(job.bucket, job.key).uri if job.bucket and job.key else None
        return replace(
            letter,
            job_id=job.job_id,
            job_state=job.state.value,
            document=letter.document or document,
            reason=letter.reason or job.reason,
        )


def parse_dead_letter(message: MessageTypeDef) -> DeadLetter:
    """Returns what is known about a message of any of the DLQs.

    EventBridge adds the reason as attributes to what it could not deliver:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html
    """
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    errors = [attributes[name] for name in ("ERROR_CODE", "ERROR_MESSAGE") if attributes.get(name)]
    kind, document, job = _describe(message["Body"])
    system = message["Attributes"]
    return DeadLetter(
        message_id=message["MessageId"],
        kind=kind,
        document=document,
        job_id=job,
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        receive_count=int(system["ApproximateReceiveCount"]),
        reason=f"EventBridge could not deliver it: {': '.join(errors)}" if errors else None,
    )


def _describe(body: str) -> _Description:
    """Returns kind, document and job of a message's body."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return "not a JSON object", None, None
    try:
        if request := AttemptRequest.from_event(event):
            return f"request for attempt {request.attempt}", None, request.job_id
        if describe := _by_source(event):
            return describe(event)
        notification = parse_notification(body)
    except (AttemptRequestError, NotificationError, LocationError, KeyError, TypeError):
        return _UNKNOWN, None, None
    kind = _UNKNOWN if notification.kind == "unknown" else f"notification: {notification.kind}"
    return kind, notification.input_location, notification.inference_id


def _by_source(event: dict[str, Any]) -> Callable[[dict[str, Any]], _Description] | None:
    """Returns what describes an event of a known source; None for others."""
    if "DDBStreamBatchInfo" in event:
        return _describe_batch
    return {"aws.s3": _describe_upload, _OF_OUTCOMES: _describe_outcome}.get(str(event.get("source")))


def _describe_batch(event: dict[str, Any]) -> _Description:
    """Describes the stream's records that Lambda gave up on; it does not say which they are.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    batch = event["DDBStreamBatchInfo"]
    first, last = batch["approximateArrivalOfFirstRecord"], batch["approximateArrivalOfLastRecord"]
    return f"{counted(batch['batchSize'], 'record')} of the jobs table, written from {first} to {last}", None, None


def _describe_outcome(event: dict[str, Any]) -> _Description:
    detail = event["detail"]
    return f"event: {event['detail-type']}", detail["input_location"], detail["job_id"]


def _describe_upload(event: dict[str, Any]) -> _Description:
    bucket, created = event["detail"]["bucket"]["name"], event["detail"]["object"]
    version = Upload.version_of(created.get("version-id"), created["etag"])
    return "upload", S3Location(bucket, created["key"]).uri, job_id(bucket, created["key"], version)
