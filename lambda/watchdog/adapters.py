"""The ports on boto3. Each client is made once, when the function's environment starts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    CapacityRejected,
    JobState,
    VariantScaling,
    utc_timestamp,
)
from shared.clients import SHORT_TIMEOUTS
from shared.queues import messages_in
from watchdog.logic import Watchdog
from watchdog.ports import ConcurrentRun, Fleet, Memory, StopRejected, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient

    from watchdog.settings import Settings

# Between an outcome and its record: the notification, its queue, and a few attempts of the function.
_RECORDED_SECONDS = 600


class SageMakerEndpoint:
    """A SageMaker endpoint with the scalable target of its variant."""

    def __init__(self, variant: VariantScaling) -> None:
        self._variant = variant

    def fleet(self) -> Fleet:
        """Calls DescribeEndpoint and DescribeScalableTargets."""
        capacity = self._variant.capacity()
        if capacity.status is None:
            return Fleet(status=None)
        bounds = self._variant.bounds()
        return Fleet(
            status=capacity.status,
            instances=capacity.running,
            changed_at=capacity.changed_at,
            minimum=bounds.minimum if bounds else None,
            suspended=bool(bounds and bounds.scale_in_suspended),
        )

    def stop(self, instances: int) -> None:
        """Calls UpdateEndpointWeightsAndCapacities."""
        try:
            self._variant.set_instances(instances)
        except CapacityRejected as error:
            raise StopRejected(str(error)) from error


class JobsAndQueues:
    """The traces of work: five queries of one item each, and the depth of each queue.

    Args:
        table: The jobs table. Its index lags slightly, like every index of DynamoDB.
        sqs: The client for the queues.
        settings: The settings of the function.
        clock: Epoch seconds, on the clock of the recorded submissions.
    """

    def __init__(self, table: Table, sqs: SQSClient, settings: Settings, clock: Callable[[], float]) -> None:
        self._table = table
        self._sqs = sqs
        self._settings = settings
        self._clock = clock

    def work(self) -> Work:
        """Queries the index by state, and calls GetQueueAttributes for each queue."""
        newest = {state: self._newest(state) for state in JobState if state.is_final}
        return Work(
            open_job=self._open_job(),
            outcomes={str(state): item[JOBS_BY_STATE_SORT_KEY] for state, item in newest.items() if item},
            messages=sum(messages_in(self._sqs, url) for url in self._settings.queue_urls),
        )

    def _open_job(self) -> str | None:
        """Returns a job that may still wait or run; an older one is over, even if no notification arrived."""
        longest = self._settings.request_ttl_seconds + self._settings.invocation_timeout_seconds + _RECORDED_SECONDS
        since = utc_timestamp(datetime.fromtimestamp(self._clock() - longest, UTC))
        for state in JobState:
            if not state.is_final and (item := self._newest(state, since)):
                return str(item[JOBS_PARTITION_KEY])
        return None

    def _newest(self, state: JobState, since: str = "0") -> dict[str, Any] | None:
        condition = Key(JOBS_BY_STATE_PARTITION_KEY).eq(state.value) & Key(JOBS_BY_STATE_SORT_KEY).gte(since)
        found = self._table.query(
            IndexName=JOBS_BY_STATE_INDEX, KeyConditionExpression=condition, ScanIndexForward=False, Limit=1
        )["Items"]
        return found[0] if found else None


class TableMemory:
    """One item of the jobs table, under a key longer than any InferenceId; in no index, and without expiry."""

    def __init__(self, table: Table, key: str) -> None:
        self._table = table
        self._key = {JOBS_PARTITION_KEY: key}

    def get(self) -> Memory | None:
        """Calls GetItem, consistently."""
        item: dict[str, Any] | None = self._table.get_item(Key=self._key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return Memory(
            looked_at=datetime.fromisoformat(item["looked_at"]),
            busy_at=datetime.fromisoformat(item["busy_at"]),
            notified_at=_time_or_none(item["notified_at"]),
            instances=int(item["instances"]),
            changed_at=item["changed_at"],
            # Missing in an item that an earlier version of the function wrote.
            transition_since=_time_or_none(item.get("transition_since")),
            outcomes=item["outcomes"],
        )

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        """Calls UpdateItem on the condition that the item is unchanged since it was read."""
        item: dict[str, Any] = {
            "looked_at": utc_timestamp(memory.looked_at),
            "busy_at": utc_timestamp(memory.busy_at),
            "notified_at": memory.notified_at and utc_timestamp(memory.notified_at),
            "instances": memory.instances,
            "changed_at": memory.changed_at,
            "transition_since": memory.transition_since and utc_timestamp(memory.transition_since),
            "outcomes": dict(memory.outcomes),
        }
        values = {f":{name}": value for name, value in item.items()}
        try:
            self._table.update_item(
                Key=self._key,
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in item),
                ConditionExpression="looked_at = :read" if after else "attribute_not_exists(looked_at)",
                ExpressionAttributeValues=values | ({":read": utc_timestamp(after.looked_at)} if after else {}),
            )
        except ClientError as error:
            if error.response["Error"].get("Code") == "ConditionalCheckFailedException":
                raise ConcurrentRun("another run has written the memory since this one read it.") from error
            raise


def _time_or_none(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


class AlarmTopic:
    """A topic of SNS."""

    def __init__(self, sns: SNSClient, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def publish(self, subject: str, message: str) -> None:
        """Calls Publish."""
        self._sns.publish(TopicArn=self._arn, Subject=subject, Message=message)


def make_watchdog(settings: Settings) -> Watchdog:
    """Returns the watchdog for the function's own account and region."""
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    return Watchdog(
        endpoint=SageMakerEndpoint(
            VariantScaling(
                boto3.client("sagemaker", config=SHORT_TIMEOUTS),
                boto3.client("application-autoscaling", config=SHORT_TIMEOUTS),
                endpoint=settings.endpoint_name,
                variant=settings.variant_name,
            )
        ),
        traces=JobsAndQueues(table, boto3.client("sqs", config=SHORT_TIMEOUTS), settings, time.time),
        memories=TableMemory(table, settings.memory_key),
        topic=AlarmTopic(boto3.client("sns", config=SHORT_TIMEOUTS), settings.alarm_topic),
        settings=settings,
    )


def time_of(event: dict[str, Any]) -> datetime:
    """Returns the time of a scheduled event, or now for an event without one.

    Raises:
        ValueError: The event's time is invalid.
    """
    if "time" not in event:
        return datetime.now(UTC)
    moment = datetime.fromisoformat(event["time"])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
