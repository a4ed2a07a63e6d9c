"""Writes the usual outcomes of a batch in one call; all others, and those that fail, are written one by one.

A transaction writes all of its items or none. So it takes only results of first attempts, whose jobs hardly anybody
else writes at that moment, and it is not repeated: what it did not write is written one by one.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import completion_update
from shared.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.service_resource import Table

    from shared.batch import Handler
    from shared.outcomes import Outcome


class Batch:
    """The outcomes of the batch that is processed.

    Args:
        table: boto3's Table resource.
        parse: Returns the outcome in a message, None for a test notification; it may raise anything.
    """

    def __init__(self, table: Table, parse: Callable[[str], Outcome | None]) -> None:
        self._table = table
        self._parse = parse
        self._outcomes: dict[str, Outcome] = {}
        self._written: set[str] = set()

    def begin(self, bodies: Iterable[str]) -> None:
        """Parses the messages of a batch, and writes the usual outcomes among them."""
        self._outcomes, self._written = {}, set()
        updates: dict[str, dict[str, Any]] = {}
        for body in bodies:
            try:
                outcome = self._parse(body)
            except Exception:  # noqa: BLE001, S112 - it is parsed again, and reported then
                continue
            if outcome:
                self._outcomes[body] = outcome
                if update := completion_update(outcome.record):
                    updates.setdefault(outcome.record.job_id, update)
        if len(updates) > 1 and self._write(updates.values()):
            self._written = set(updates)

    def outcome(self, body: str) -> Outcome | None:
        """Returns the outcome in a message; raises what the parser raises."""
        return self._outcomes.get(body) or self._parse(body)

    def has_written(self, outcome: Outcome) -> bool:
        """Returns whether an outcome is written, and forgets it: a second notification is another outcome."""
        if outcome.record.job_id not in self._written or completion_update(outcome.record) is None:
            return False
        self._written.remove(outcome.record.job_id)
        return True

    def _write(self, updates: Iterable[dict[str, Any]]) -> bool:
        client: Any = self._table.meta.client
        try:
            client.transact_write_items(
                TransactItems=[{"Update": {"TableName": self._table.name, **update}} for update in updates]
            )
        except (ClientError, BotoCoreError) as error:
            logger.debug("The outcomes of the batch are written one by one: %s", error)
            return False
        return True


def recording_at_once(handler: Handler, batch: Batch) -> Handler:
    """Returns a handler that writes the usual outcomes of a batch before it processes each message."""

    def record_batch(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        batch.begin([message["body"] for message in event["Records"]])
        return handler(event, context)

    return record_batch
