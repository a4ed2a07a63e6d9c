"""The newest lines of a log group that report an error.

It reads the ends of the newest streams instead of searching the group: a search of a large group takes minutes, and may
return empty pages meanwhile. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import re
    from datetime import datetime

    from async_endpoint.operations.diagnose.reads.clients import Clients

ACTIONS = "logs:DescribeLogStreams and logs:GetLogEvents"
_STREAMS = 4
_LINES = 1000
_THOUSAND = 1000


def error_lines(clients: Clients, group: str, since: datetime, wanted: re.Pattern[str]) -> tuple[str, ...]:
    """Returns the lines that match, newest first; none if there is no such group.

    Args:
        clients: The AWS clients.
        group: The log group's name.
        since: Older lines do not count.
        wanted: What a line must contain.
    """
    logs = clients["logs"]
    start = int(since.timestamp() * _THOUSAND)
    try:
        streams = logs.describe_log_streams(
            logGroupName=group, orderBy="LastEventTime", descending=True, limit=_STREAMS
        )["logStreams"]
        events = [
            event
            for stream in streams
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startTime=start, limit=_LINES
            )["events"]
            if wanted.search(event["message"])
        ]
    except ClientError as error:
        if error.response["Error"].get("Code") == "ResourceNotFoundException":
            return ()
        raise
    events.sort(key=lambda event: event["timestamp"], reverse=True)
    return tuple(" ".join(event["message"].split()) for event in events)
