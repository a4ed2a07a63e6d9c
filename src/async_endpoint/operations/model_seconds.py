"""Reads from CloudWatch how long an endpoint's model took for its requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import VARIANT_NAME

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricTypeDef

    from async_endpoint.operations.jobs.cost import Period

_DAY = 86_400
_MICROSECONDS = 1e6  # ModelLatency's unit: docs/evidence.md, `metrics.units`
_PERCENTILES = ("p50", "p95", "p99")
_STATISTICS = {"count": "SampleCount", "mean": "Average"} | dict(zip(_PERCENTILES, _PERCENTILES, strict=True))


def read_model_seconds(cloudwatch: CloudWatchClient, endpoint: str, period: Period) -> str | None:
    """Returns the percentiles of ModelLatency, as `plan` takes durations, such as `p50=0.2,p95=0.8,p99=1.5`.

    Percentiles of several days cannot be joined, so they are those of the UTC day with the most requests. Without them
    it is the mean of that day: CloudWatch has no percentiles of a metric that was put as statistic sets.

    Args:
        cloudwatch: A client of CloudWatch.
        endpoint: The endpoint's name.
        period: The period.

    Returns:
        The percentiles, or the mean, in seconds; None if CloudWatch has no datapoint.

    Raises:
        ClientError: CloudWatch rejected the request.
        BotoCoreError: CloudWatch did not respond.
    """
    metric: MetricTypeDef = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ModelLatency",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT_NAME}],
    }
    queries: list[MetricDataQueryTypeDef] = [
        {"Id": name, "MetricStat": {"Metric": metric, "Period": _DAY, "Stat": statistic}}
        for name, statistic in _STATISTICS.items()
    ]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(period.begin - period.begin % _DAY, UTC),
        EndTime=datetime.fromtimestamp(period.end, UTC),
    )
    days: dict[datetime, dict[str, float]] = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            for day, value in zip(result["Timestamps"], result["Values"], strict=True):
                days.setdefault(day, {})[result["Id"]] = value
    busiest = max(days.values(), key=lambda found: found.get("count", 0.0), default={})
    if busiest.keys() >= set(_PERCENTILES):
        return ",".join(f"{name}={busiest[name] / _MICROSECONDS:.4g}" for name in _PERCENTILES)
    return f"{busiest['mean'] / _MICROSECONDS:.4g}" if "mean" in busiest else None
