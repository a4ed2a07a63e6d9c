"""The ports on boto3. Each client is made once, when the function's environment starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from notify.job_finished import DETAIL_TYPE, SOURCE
from notify.logic import Notifier
from shared.clients import SHORT_TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from notify.settings import Settings

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
_MOST_ENTRIES = 10
# The limit was 256 KB for all entries of a call, and is higher today.
_MOST_BYTES = 200_000


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


def make_notifier(settings: Settings) -> Notifier:
    """Returns the notifier for the function's own account and region."""
    return Notifier(bus=DefaultBus(boto3.client("events", config=SHORT_TIMEOUTS)), endpoint_name=settings.endpoint_name)
