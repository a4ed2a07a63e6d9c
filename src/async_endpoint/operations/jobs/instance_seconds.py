"""Reads the instance seconds of an endpoint from CloudWatch.

Each instance reports CPUUtilization once a minute, so the samples of a minute are its instances
(docs/evidence.md, `metrics.instance-count`). Scaling activities would miss what UpdateEndpointWeightsAndCapacities
changes, such as a wake on submit.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.jobs.cost import Measurement, Period
from async_endpoint.protocol import VARIANT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricTypeDef

MINUTE = 60
_COARSE = 300
# CloudWatch keeps periods of one minute for 15 days and of five minutes for 63 days:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
_MINUTES_KEPT = timedelta(days=15)


def read_measurements(
    cloudwatch: CloudWatchClient, endpoint: str, period: Period, now: datetime
) -> Iterator[Measurement]:
    """Yields the measured minutes of a period, or its five minutes where it begins more than 15 days ago.

    Args:
        cloudwatch: A client of CloudWatch.
        endpoint: The endpoint's name.
        period: The period.
        now: The time, aware.

    Raises:
        ClientError: CloudWatch rejected the request.
        BotoCoreError: CloudWatch did not respond.
    """
    length = MINUTE if now.timestamp() - period.begin < _MINUTES_KEPT.total_seconds() else _COARSE
    metric: MetricTypeDef = {
        "Namespace": "/aws/sagemaker/Endpoints",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT_NAME}],
    }
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[
            {"Id": "instances", "MetricStat": {"Metric": metric, "Period": length, "Stat": "SampleCount"}}
        ],
        StartTime=datetime.fromtimestamp(period.begin - period.begin % length, UTC),
        EndTime=datetime.fromtimestamp(period.end, UTC),
        ScanBy="TimestampAscending",
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            for at, samples in zip(result["Timestamps"], result["Values"], strict=True):
                yield Measurement(int(at.timestamp()), length, round(samples) * MINUTE)
