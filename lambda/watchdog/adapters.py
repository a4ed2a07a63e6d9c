"""The ports on boto3. Each client is made once, when the function's container starts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from botocore.exceptions import ClientError

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JobState,
    utc_timestamp,
)
from watchdog.logic import Watchdog
from watchdog.ports import Fleet, LookedMeanwhile, Memory, StopRefused, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sagemaker.client import SageMakerClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from watchdog.settings import Settings

# botocore waits for a minute, longer than the function runs.
_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
_NO_ENDPOINT = "Could not find"  # as DescribeEndpoint's ValidationException begins
# Between an outcome and its record: the notification, its queue, and a few tries of the function.
_RECORDED_SECONDS = 600
_MESSAGES: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class ScalableTargets(Protocol):
    """What is used of boto3's client of Application Auto Scaling."""

    def describe_scalable_targets(self, **members: Any) -> Any:  # boto3's own signature is generated
        """DescribeScalableTargets."""


class SageMakerEndpoint:
    """An endpoint of SageMaker, with the scalable target of its variant."""

    def __init__(self, sagemaker: SageMakerClient, scaling: ScalableTargets, *, name: str, variant: str) -> None:
        self._sagemaker = sagemaker
        self._scaling = scaling
        self._name = name
        self._variant = variant

    def fleet(self) -> Fleet:
        """Call DescribeEndpoint and DescribeScalableTargets."""
        try:
            endpoint = self._sagemaker.describe_endpoint(EndpointName=self._name)
        except ClientError as error:
            if error.response["Error"].get("Message", "").startswith(_NO_ENDPOINT):
                return Fleet(status=None)
            raise
        variants = endpoint.get("ProductionVariants", [])
        target = self._scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker",
            ResourceIds=[f"endpoint/{self._name}/variant/{self._variant}"],
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        )["ScalableTargets"]
        return Fleet(
            status=endpoint["EndpointStatus"],
            instances=sum(
                each.get("CurrentInstanceCount", 0) for each in variants if each["VariantName"] == self._variant
            ),
            changed_at=utc_timestamp(endpoint["LastModifiedTime"]),
            minimum=target[0]["MinCapacity"] if target else None,
            suspended=bool(target) and target[0].get("SuspendedState", {}).get("DynamicScalingInSuspended", False),
        )

    def stop(self, instances: int) -> None:
        """Call UpdateEndpointWeightsAndCapacities."""
        try:
            self._sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=self._name,
                DesiredWeightsAndCapacities=[{"VariantName": self._variant, "DesiredInstanceCount": instances}],
            )
        except ClientError as error:
            if error.response["Error"].get("Code") == "ValidationException":
                raise StopRefused(error.response["Error"].get("Message") or str(error)) from error
            raise


class JobsAndQueues:
    """The traces of work: five queries of one item each, and the depth of each queue.

    Args:
        table: The jobs table. Its index lags behind by a moment, as every index of DynamoDB.
        sqs: Where the queues are.
        settings: The function's.
        clock: Epoch seconds, on the clock that `submit` records submissions by.
    """

    def __init__(self, table: Table, sqs: SQSClient, settings: Settings, clock: Callable[[], float]) -> None:
        self._table = table
        self._sqs = sqs
        self._settings = settings
        self._clock = clock

    def work(self) -> Work:
        """Query the index by state, and ask each queue."""
        newest = {state: self._newest(state) for state in JobState if state.is_final}
        return Work(
            open_job=self._open_job(),
            outcomes={str(state): item[JOBS_BY_STATE_SORT_KEY] for state, item in newest.items() if item},
            messages=sum(map(self._messages, self._settings.queue_urls)),
        )

    def _open_job(self) -> str | None:
        """A job that may still be waiting or running: an older one has ended, and nobody was notified of it."""
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

    def _messages(self, url: str) -> int:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_MESSAGES))["Attributes"]
        return sum(int(found.get(name, 0)) for name in _MESSAGES)


class TableMemory:
    """One item of the jobs table, under a key that is longer than an InferenceId can be; no index and no expiry."""

    def __init__(self, table: Table, key: str) -> None:
        self._table = table
        self._key = {JOBS_PARTITION_KEY: key}

    def get(self) -> Memory | None:
        """Call GetItem, consistently."""
        item: dict[str, Any] | None = self._table.get_item(Key=self._key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return Memory(
            looked_at=datetime.fromisoformat(item["looked_at"]),
            busy_at=datetime.fromisoformat(item["busy_at"]),
            notified_at=_time_or_none(item["notified_at"]),
            instances=int(item["instances"]),
            changed_at=item["changed_at"],
            # Absent from an item that an earlier version of the function has written.
            transition_since=_time_or_none(item.get("transition_since")),
            outcomes=item["outcomes"],
        )

    def put(self, memory: Memory, *, after: Memory | None) -> None:
        """Call UpdateItem on the condition that the item is the one that was read."""
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
                raise LookedMeanwhile("another run has written what it saw since this one read it.") from error
            raise


def _time_or_none(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


class AlarmTopic:
    """A topic of SNS."""

    def __init__(self, sns: SNSClient, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def publish(self, subject: str, message: str) -> None:
        """Call Publish."""
        self._sns.publish(TopicArn=self._arn, Subject=subject, Message=message)


def watchdog(settings: Settings) -> Watchdog:
    """Everything joined, in the function's own account and region."""
    table = boto3.resource("dynamodb", config=_QUICK).Table(settings.jobs_table)
    return Watchdog(
        endpoint=SageMakerEndpoint(
            boto3.client("sagemaker", config=_QUICK),
            boto3.client("application-autoscaling", config=_QUICK),
            name=settings.endpoint_name,
            variant=settings.variant_name,
        ),
        traces=JobsAndQueues(table, boto3.client("sqs", config=_QUICK), settings, time.time),
        memories=TableMemory(table, settings.memory_key),
        topic=AlarmTopic(boto3.client("sns", config=_QUICK), settings.alarm_topic),
        settings=settings,
    )


def moment_of(event: dict[str, Any]) -> datetime:
    """The time of a scheduled event, or now for an event that has none.

    Raises:
        ValueError: Its time is not one.
    """
    if "time" not in event:
        return datetime.now(UTC)
    moment = datetime.fromisoformat(event["time"])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
