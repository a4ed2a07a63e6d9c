"""The ports on boto3. Each client is made once, when the function's environment starts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import JOBS_PARTITION_KEY
from notify.changes import Change
from notify.documents import InboxDocuments
from notify.job_finished import DETAIL_TYPE, SOURCE
from notify.logic import Notifier
from notify.signature import SecretError, Signer
from shared.clients import SHORT_TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from async_endpoint.protocol import TableResource
    from notify.settings import Settings

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
_MOST_ENTRIES = 10
# The limit was 256 KB for all entries of a call, and is higher today.
_MOST_BYTES = 200_000
_SECRET_SECONDS = 300.0


class EventsClient(Protocol):
    """The used method of boto3's client for EventBridge."""

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        """PutEvents."""


class DefaultBus:
    """EventBridge's default bus.

    Args:
        events: The client for EventBridge.
    """

    def __init__(self, events: EventsClient) -> None:
        self._events = events

    def put(self, details: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Calls PutEvents, with up to ten events each. A call that fails, fails for all of its events."""
        return [error for batch in _batches(map(json.dumps, details)) for error in self._put(batch)]

    def _put(self, batch: Sequence[str]) -> list[str | None]:
        entries = [{"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail} for detail in batch]
        try:
            response = self._events.put_events(Entries=entries)
        except (ClientError, BotoCoreError) as error:
            return [str(error)] * len(batch)
        return [_error_of(entry) for entry in response["Entries"]]


def _error_of(entry: Mapping[str, Any]) -> str | None:
    """Returns the error of an entry of the response, in which only an accepted entry has an id."""
    if entry.get("EventId"):
        return None
    return f"{entry.get('ErrorCode', 'no error code')}: {entry.get('ErrorMessage', 'no message')}"


def _batches(details: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for detail in details:
        if batch and (len(batch) == _MOST_ENTRIES or sum(map(len, [*batch, detail])) > _MOST_BYTES):
            yield batch
            batch = []
        batch.append(detail)  # ASCII: as many bytes as characters
    if batch:
        yield batch


class JobsTable:
    """The jobs table.

    Args:
        table: boto3's Table resource.
    """

    def __init__(self, table: TableResource) -> None:
        self._table = table

    def find(self, job_id: str) -> Change | None:
        """Calls GetItem."""
        item = self._table.get_item(Key={JOBS_PARTITION_KEY: job_id}, ConsistentRead=True).get("Item")
        return Change.from_item(item) if item else None


class SecretsClient(Protocol):
    """The used method of boto3's client for Secrets Manager."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        """GetSecretValue."""


class WebhookSecret:
    """The webhook's secret, read again after five minutes: a key that is replaced signs soon.

    Args:
        secrets: The client for Secrets Manager.
        name: Name or ARN of the secret.
        clock: Seconds.
    """

    def __init__(self, secrets: SecretsClient, name: str, clock: Callable[[], float]) -> None:
        self._secrets = secrets
        self._name = name
        self._clock = clock
        self._read_at = 0.0
        self._text: str | None = None

    def read(self) -> str:
        """Returns the text of the secret.

        Raises:
            SecretError: It cannot be read.
        """
        now = self._clock()
        if self._text is None or now - self._read_at > _SECRET_SECONDS:
            try:
                response = self._secrets.get_secret_value(SecretId=self._name)
            except (ClientError, BotoCoreError) as error:
                raise SecretError(f"The webhook's secret {self._name} cannot be read: {error}") from error
            self._text, self._read_at = str(response.get("SecretString", "")), now
        return self._text


def make_notifier(settings: Settings) -> Notifier:
    """Returns the notifier for the function's own account and region."""
    signer = None
    if settings.webhook_secret:
        secrets = boto3.client("secretsmanager", config=SHORT_TIMEOUTS)
        secret = WebhookSecret(secrets, settings.webhook_secret, time.monotonic)
        signer = Signer(secret=secret.read, clock=time.time)
    return Notifier(
        bus=DefaultBus(boto3.client("events", config=SHORT_TIMEOUTS)),
        jobs=JobsTable(boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)),
        endpoint_name=settings.endpoint_name,
        signer=signer,
        documents=_documents(settings),
    )


def _documents(settings: Settings) -> InboxDocuments | None:
    if not settings.tagged_bucket:
        return None
    return InboxDocuments(boto3.client("s3", config=SHORT_TIMEOUTS), bucket=settings.tagged_bucket)
