"""The datapoints of ministack's CloudWatch: how long they are kept, and their way to the regions."""

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

from async_endpoint.emulator.server.ministack.services import FindRegion


def limit_metric_retention(seconds: int) -> None:
    """Keeps a metric's data for `seconds` before its newest, and drops older data when one is added.

    ministack goes through all its data at each request to CloudWatch, which soon takes longer than a minute of AWS's
    clock where that is a second; and it counts from the wall's clock, which AWS's runs ahead of.
    """
    bucket = cloudwatch._metric_bucket

    def bounded(key: tuple[str, str, str]) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = bucket(key)
        if points:
            horizon = points[-1]["Timestamp"] - seconds
            # Points are in the order of their arrival, which is that of time but for late ones.
            del points[: next(index for index, point in enumerate(points) if point["Timestamp"] >= horizon)]
        return points

    cloudwatch._metric_bucket = bounded
    cloudwatch._evict_old_metrics = lambda: None


def forward_metric_data(find_region: FindRegion) -> None:
    """Has regions record every datum that reaches the emulated CloudWatch, as a statistic set.

    A statistic set has the members SampleCount, Sum, Minimum and Maximum.
    """
    store, record = cloudwatch._store_datum, cloudwatch.record_metric

    def store_and_forward(
        namespace: str, name: str, dimensions: dict[str, str], at: float, unit: str, *datum: Any
    ) -> None:
        store(namespace, name, dimensions, at, unit, *datum)
        region = find_region(get_account_id(), get_region())
        for statistics in _statistic_sets(*datum):
            region.record_metric(namespace, name, dimensions, at, statistics)

    def record_and_forward(
        namespace: str, name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
    ) -> None:
        record(namespace, name, value, unit, dimensions)
        region = find_region(get_account_id(), get_region())
        for statistics in _statistic_sets(value, None, None, None):
            region.record_metric(namespace, name, dimensions or {}, None, statistics)

    cloudwatch._store_datum = store_and_forward
    cloudwatch.record_metric = record_and_forward


def _statistic_sets(
    value: float | None,
    values: list[float] | None,
    counts: list[float] | None,
    statistics: dict[str, float] | None,
) -> list[dict[str, float]]:
    """Returns a datum of PutMetricData as statistic sets: one for each distinct value, or the set that it holds."""
    if statistics is not None:
        return [statistics]
    pairs = zip(values, counts or [1.0] * len(values), strict=True) if values is not None else [(value or 0.0, 1.0)]
    return [
        {"SampleCount": count, "Sum": number * count, "Minimum": number, "Maximum": number} for number, count in pairs
    ]
