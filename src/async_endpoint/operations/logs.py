"""The logs of a stage: which groups there are, and their events in the order of time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.jobs.workflow import endpoint_stack_name, workflow_stack_name
from async_endpoint.operations.stack_outputs import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_logs.client import CloudWatchLogsClient

ENDPOINT = "endpoint"
"""The source whose log SageMaker writes: the output of the containers."""

# The functions, and how the logical id of each one's log group begins.
_FUNCTIONS = {
    "submit": "IntakeLogs",
    "record": "ResultsLogs",
    "reconcile": "ReconcilerLogs",
    "notify": "NotifierLogs",
    "watchdog": "WatchdogLogs",
}
SOURCES = (ENDPOINT, *_FUNCTIONS)
"""All sources by name."""

_ENDPOINT_GROUP = "/aws/sagemaker/Endpoints/"


@dataclass(frozen=True, order=True)
class LogEvent:
    """One line of a log.

    Attributes:
        at: Epoch milliseconds.
        source: One of `SOURCES`.
        event_id: CloudWatch's id of the event.
        stream: The name of its stream: an instance's, or a function's.
        message: The line, without a line break at its end.
    """

    at: int
    source: str
    event_id: str
    stream: str
    message: str


def log_groups(cloudformation: CloudFormationClient, *, stage: str) -> dict[str, str]:
    """Returns the names of a stage's log groups by their source.

    Raises:
        StackError: The stage's endpoint stack or workflow stack cannot be read.
    """
    found: dict[str, str] = {}
    for resource in _resources(cloudformation, workflow_stack_name(stage)):
        for source, beginning in _FUNCTIONS.items():
            if resource["type"] == "AWS::Logs::LogGroup" and resource["logical_id"].startswith(beginning):
                found[source] = resource["physical_id"]
    for resource in _resources(cloudformation, endpoint_stack_name(stage)):
        if resource["type"] == "AWS::SageMaker::Endpoint":
            # CloudFormation's id of an endpoint is its ARN.
            found[ENDPOINT] = _ENDPOINT_GROUP + resource["physical_id"].rpartition("/")[2]
    return {source: found[source] for source in SOURCES if source in found}


def read_events(
    logs: CloudWatchLogsClient, groups: Mapping[str, str], *, since: datetime, text: str | None = None
) -> Iterator[LogEvent]:
    """Yields the events of groups since a moment, oldest first; a group that does not exist has none.

    Args:
        logs: A client of `logs`.
        groups: The groups by their source.
        since: The moment; aware.
        text: Only lines that contain this.

    Raises:
        ClientError: A group cannot be read.
    """
    start = int(since.timestamp() * 1000)
    yield from heapq.merge(*(_events(logs, source, group, start, text) for source, group in groups.items()))


def _events(logs: CloudWatchLogsClient, source: str, group: str, start: int, text: str | None) -> Iterator[LogEvent]:
    query: Any = {"logGroupName": group, "startTime": start}
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**query):
            for event in page["events"]:
                # Not a pattern of CloudWatch's: its terms have a syntax of their own, and match whole words.
                if text is None or text in event["message"]:
                    yield LogEvent(
                        event["timestamp"],
                        source,
                        # Optional in the API's model.
                        event.get("eventId") or f"{event['logStreamName']}/{event['timestamp']}/{event['message']}",
                        event["logStreamName"],
                        event["message"].rstrip("\n"),
                    )
    except ClientError as error:
        if error.response["Error"].get("Code") != "ResourceNotFoundException":
            raise


def _resources(cloudformation: CloudFormationClient, stack: str) -> Iterator[dict[str, str]]:
    try:
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
            for each in page["StackResourceSummaries"]:
                yield {
                    "type": each["ResourceType"],
                    "logical_id": each["LogicalResourceId"],
                    "physical_id": each.get("PhysicalResourceId", ""),
                }
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"The resources of stack {stack} cannot be read: {error}") from error
