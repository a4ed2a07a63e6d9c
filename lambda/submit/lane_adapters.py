"""The lane's ports on boto3, and its place around the handler."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JobState,
    VariantCapacity,
    VariantScaling,
    utc_timestamp,
)
from shared.admission_adapters import RECEIVED, WAITING, WaitingJobs, make_admitter
from shared.clients import SHORT_TIMEOUTS
from shared.queues import messages_in
from shared.settings import Environment
from submit.lane import Lane
from submit.lane_limit import LimitSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs.client import SQSClient

    from shared.batch import Handler

# The rate is that of so many outcomes: more than a few batches, and few items to read.
_OUTCOMES = 50
# What is left of the function's time must suffice for a query and five sends.
_LEAST_MILLISECONDS = 5_000


@dataclass(frozen=True, kw_only=True)
class LaneSettings:
    """The settings from the stack.

    Attributes:
        jobs_table: Name of the jobs table (JOBS_TABLE).
        endpoint_name: The endpoint (ENDPOINT_NAME).
        variant_name: Its one variant (VARIANT_NAME).
        intake_queue: URL of the queue of documents that are not urgent (INTAKE_QUEUE_URL).
        urgent_queue: URL of the queue of urgent documents and of those whose turn it is (URGENT_QUEUE_URL).
        urgent_prefix: How the keys of urgent documents begin (URGENT_PREFIX).
        limit: The parts of the limit.
    """

    jobs_table: str
    endpoint_name: str
    variant_name: str
    intake_queue: str
    urgent_queue: str
    urgent_prefix: str
    limit: LimitSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> LaneSettings | None:
        """Reads and checks the variables; returns None without ADMISSION, or if it is false.

        Raises:
            SettingsError: A variable is missing or out of range.
        """
        variables = Environment(environment)
        if "ADMISSION" not in environment or not variables.boolean("ADMISSION"):
            return None
        return cls(
            jobs_table=variables.text("JOBS_TABLE"),
            endpoint_name=variables.text("ENDPOINT_NAME"),
            variant_name=variables.text("VARIANT_NAME"),
            intake_queue=variables.text("INTAKE_QUEUE_URL"),
            urgent_queue=variables.text("URGENT_QUEUE_URL"),
            urgent_prefix=variables.text("URGENT_PREFIX"),
            limit=LimitSettings.from_environment(environment),
        )


class AwsView:
    """The endpoint, the jobs table's index and the intake queue.

    Args:
        variant: The endpoint's variant.
        table: The jobs table. Its index lags slightly.
        sqs: The client for the queue.
        queue: The intake queue's URL.
    """

    def __init__(self, variant: VariantScaling, table: Table, sqs: SQSClient, queue: str) -> None:
        self._variant = variant
        self._table = table
        self._sqs = sqs
        self._queue = queue

    def capacity(self) -> VariantCapacity:
        """Calls DescribeEndpoint."""
        return self._variant.capacity()

    def outcomes_per_second(self) -> float:
        """Queries the times of the newest results, which are on the clock of the service that made them."""
        found = self._table.query(
            IndexName=JOBS_BY_STATE_INDEX,
            KeyConditionExpression=Key(JOBS_BY_STATE_PARTITION_KEY).eq(JobState.COMPLETED.value),
            ScanIndexForward=False,
            Limit=_OUTCOMES,
        )["Items"]
        if not found:
            return 0.0
        oldest = datetime.fromisoformat(str(found[-1][JOBS_BY_STATE_SORT_KEY]))
        return len(found) / max(1.0, (datetime.now(UTC) - oldest).total_seconds())

    def submitted(self, *, since: datetime, most: int) -> int:
        """Queries the index for their number."""
        key = Key(JOBS_BY_STATE_PARTITION_KEY).eq(JobState.SUBMITTED.value)
        return self._count(most, KeyConditionExpression=key & Key(JOBS_BY_STATE_SORT_KEY).gt(utc_timestamp(since)))

    def waiting(self, *, most: int) -> int:
        """Returns how many jobs wait for admission, counting no further than `most`; queries the index."""
        return self._count(most, KeyConditionExpression=RECEIVED, FilterExpression=WAITING)

    def anybody_waits(self) -> bool:
        """Queries the index."""
        return bool(WaitingJobs(self._table).oldest_waiting(1))

    def queued(self) -> int:
        """Calls GetQueueAttributes."""
        return messages_in(self._sqs, self._queue)

    def _count(self, most: int, **query: Any) -> int:
        query |= {"IndexName": JOBS_BY_STATE_INDEX, "Select": "COUNT", "Limit": most}
        count = 0
        while True:
            page = self._table.query(**query)
            count += page["Count"]
            if count >= most or "LastEvaluatedKey" not in page:
                return min(count, most)
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def make_view(settings: LaneSettings) -> AwsView:
    """Returns the view of the function's own account and region."""
    variant = VariantScaling(
        boto3.client("sagemaker", config=SHORT_TIMEOUTS),
        boto3.client("application-autoscaling", config=SHORT_TIMEOUTS),
        endpoint=settings.endpoint_name,
        variant=settings.variant_name,
    )
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    return AwsView(variant, table, boto3.client("sqs", config=SHORT_TIMEOUTS), settings.intake_queue)


def make_lane(settings: LaneSettings, view: AwsView) -> Lane:
    """Returns the lane of the function's own account and region."""
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    admitter = make_admitter(table, settings.urgent_queue)
    return Lane(view, settings.limit, urgent_prefix=settings.urgent_prefix, fill=admitter.fill, clock=time.time)


def admitting(handler: Handler, lane: Lane) -> Handler:
    """Returns a handler that counts the room for each batch, and asks for more documents if the batch leaves room."""

    def submit_and_fill(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        lane.begin()
        response = handler(event, context)
        if context.get_remaining_time_in_millis() >= _LEAST_MILLISECONDS:
            lane.end()
        return response

    return submit_and_fill
