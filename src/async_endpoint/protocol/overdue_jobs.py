"""How long a job may be SUBMITTED, and the metrics that show jobs which have been for longer."""

from __future__ import annotations

OLDEST_SUBMITTED = "OldestSubmittedJob"
"""Metric with the dimension EndpointName: seconds since the submission of the oldest job that is SUBMITTED."""
OVERDUE_JOBS = "OverdueJobs"
"""Metric with the dimension EndpointName: jobs that have been SUBMITTED for longer than a request may take."""

# Between the end of a request and its notification, its queue, and a few deliveries of the function.
_GRACE_SECONDS = 1800


def submitted_seconds_allowed(request_seconds: int) -> int:
    """Returns after how many seconds without an outcome a submitted job is overdue.

    Args:
        request_seconds: How long a request may take: TTL and processing time.
    """
    return request_seconds + _GRACE_SECONDS
