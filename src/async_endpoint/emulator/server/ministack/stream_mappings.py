"""Event source mappings of DynamoDB streams, which retry, halve and give up a batch as on AWS.

ministack delivers a batch until its function does not raise, and ignores which records failed. It still keeps the
streams, the filters and each mapping's position; of what it saves, the streams are missing.
"""

import contextvars
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, lambda_svc

from async_endpoint.clock import SystemClock
from async_endpoint.emulator.batch_responses import read_batch_response
from async_endpoint.emulator.server.ministack.function_processes import functions_ended
from async_endpoint.emulator.server.ministack.services import FindRegion
from async_endpoint.emulator.stream_retries import RetryRules, Tries

_REPORTED = "ReportBatchItemFailures"
_SAVED = "stream_records"

logger = logging.getLogger(__name__)


def retry_stream_batches(find_region: FindRegion, clock: SystemClock) -> None:
    """Replaces ministack's poll of streams. The age of what is delivered becomes the function's IteratorAge."""
    lambda_svc._poll_dynamodb_streams = _Streams(find_region, clock).poll


def save_stream_records() -> None:
    """Has ministack save, with its tables, the records of each stream that some mapping has not delivered.

    It saves the position of each mapping, but no stream: a stream would begin again at 0, and no record be delivered
    until it has as many as before.
    """
    get_state, restore = dynamodb.get_state, dynamodb.load_persisted_state

    def with_records() -> dict[str, Any]:
        return {**get_state(), _SAVED: _undelivered()}

    def restore_records(saved: Mapping[str, Any]) -> None:
        restore(saved)
        for account, region, table, position, records in saved.get(_SAVED, ()):
            dynamodb._stream_records.set_scoped(account, region, table, records)
            dynamodb._stream_trimmed.set_scoped(account, region, table, position)

    dynamodb.get_state, dynamodb.load_persisted_state = with_records, restore_records


def _undelivered() -> list[list[Any]]:
    """Returns account, region, table, the first position that is still needed, and the records from there on."""
    needed: dict[tuple[str, str, str], int] = {}
    for account, region, mapping in lambda_svc._iter_all_esms():
        position = lambda_svc._dynamodb_stream_positions.get_scoped(account, region, mapping["UUID"])
        if position is not None:
            stream = account, region, _table_of(mapping)
            needed[stream] = min(position, needed.get(stream, position))
    found = []
    for (account, region, table), records in dynamodb._stream_records.all_items():
        trimmed: int = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
        end = trimmed + len(records)
        position = min(max(needed.get((account, region, table), end), trimmed), end)
        found.append([account, region, table, position, records[position - trimmed :]])
    return found


def _table_of(mapping: Mapping[str, Any]) -> str:
    """Returns the table of a mapping of a stream, whose ARN is arn:aws:dynamodb:...:table/NAME/stream/LABEL."""
    arn: str = mapping.get("EventSourceArn", "")
    return arn.split("/")[1] if ":dynamodb:" in arn and "/stream/" in arn else ""


class _Streams:
    """The mappings of all accounts and regions; each delivers one batch at a time, on a thread of its own."""

    def __init__(self, find_region: FindRegion, clock: SystemClock) -> None:
        self._find_region = find_region
        self._clock = clock
        self._tries: dict[str, Tries] = {}

    def poll(self) -> bool:
        """Starts a batch of each mapping that has one and is idle; returns whether there was any."""
        started = [
            contextvars.copy_context().run(self._start, account, region, mapping)
            for account, region, mapping in lambda_svc._iter_all_esms()
        ]
        return any(started)

    def _start(self, account: str, region: str, mapping: dict[str, Any]) -> bool:
        arn, mapping_id = mapping.get("EventSourceArn", ""), mapping["UUID"]
        table = _table_of(mapping)
        if not table or not mapping.get("Enabled", True):
            return False
        lambda_svc._request_account_id.set(account)
        lambda_svc._request_region.set(region)
        function = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))[0]
        if function is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != arn:
            return False
        waits = lambda_svc._esm_backoff_until.get(mapping_id, 0) > time.time()
        if waits or lambda_svc._esm_inflight.get(mapping_id) or not self._waiting(mapping, table):
            return False
        lambda_svc._dispatch_esm_batch(mapping_id, self._deliver, mapping, function, table)
        return True

    def _waiting(self, mapping: Mapping[str, Any], table: str) -> bool:
        """Whether the stream has a record from the mapping's position on."""
        lambda_svc._init_stream_position(mapping["UUID"], mapping["EventSourceArn"], mapping.get("StartingPosition"))
        position: int = lambda_svc._dynamodb_stream_positions[mapping["UUID"]]
        end: int = dynamodb.stream_end_position(table)
        if position > end:  # saved by an earlier release, which saved no records
            position = dynamodb.stream_start_position(table)
            self._move(mapping["UUID"], position, Tries(RetryRules.from_mapping(mapping).batch_size))
        return position < end

    def _deliver(self, mapping: dict[str, Any], function: dict[str, Any], table: str) -> None:
        rules, mapping_id = RetryRules.from_mapping(mapping), mapping["UUID"]
        position = max(lambda_svc._dynamodb_stream_positions[mapping_id], dynamodb.stream_start_position(table))
        tries = self._tries.get(mapping_id) or Tries(rules.batch_size)
        read = list(dynamodb.stream_records_since(table, position, tries.size))
        batch = list(lambda_svc._apply_filter_criteria(read, mapping))
        if not batch:
            self._move(mapping_id, position + len(read), Tries(rules.batch_size))
            return
        result = self._invoke(function, batch)
        if result.get("error") and functions_ended():  # by the stop, which is no try
            return
        numbers = [each["dynamodb"]["SequenceNumber"] for each in batch]
        failed = _failed(mapping, result, numbers)
        step = rules.next_step(
            tries,
            length=len(batch),
            first_failed=min(map(numbers.index, failed), default=None),
            raised=bool(result.get("error")),
            age=self._age(batch[0]),
        )
        if step.given_up:
            name = mapping["FunctionName"]
            logger.warning("%d records of %s were given up by function %s: %s", len(batch), table, name, step.given_up)
            arn = mapping["EventSourceArn"]
            lambda_svc._send_ddb_stream_failure_record(mapping, function, batch, arn, result, step.given_up)
        if failed and not step.given_up:
            lambda_svc._esm_backoff_until[mapping_id] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        mapping["LastProcessingResult"] = "FAILED" if failed else f"OK - {len(batch)} records"
        # What the filter left out is passed with the records around it.
        moved = len(read) if step.done == len(batch) else read.index(batch[step.done])
        self._move(mapping_id, position + moved, step.tries)

    def _invoke(self, function: dict[str, Any], batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        name = (function.get("config") or function).get("FunctionName", "")
        region = self._find_region(get_account_id(), get_region())
        region.functions.record_iterator_age(name, self._age(batch[-1]))
        result: dict[str, Any] = lambda_svc._execute_function(function, {"Records": [*batch]})
        return result

    def _age(self, record: Mapping[str, Any]) -> float:
        """How long ago a record was written, on AWS's clock."""
        return max(0.0, self._clock.since(float(record["dynamodb"]["ApproximateCreationDateTime"])))

    def _move(self, mapping_id: str, position: int, tries: Tries) -> None:
        self._tries[mapping_id] = tries
        with lambda_svc._dynamodb_stream_positions_lock:
            lambda_svc._dynamodb_stream_positions[mapping_id] = position


def _failed(mapping: Mapping[str, Any], result: Mapping[str, Any], numbers: Sequence[str]) -> set[str]:
    """Returns the sequence numbers of the records that failed."""
    if result.get("error"):
        return set(numbers)
    if _REPORTED not in (mapping.get("FunctionResponseTypes") or ()):
        return set()
    judged = read_batch_response(result.get("body"), set(numbers))
    if judged.fault is not None:
        logger.warning("The whole batch of function %s failed: %s.", mapping["FunctionName"], judged.fault)
    return set(judged.failed)
