"""The datapoints of ministack's CloudWatch: how long and in what form they are kept, and their way to the regions."""

import json
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import cloudwatch

from async_endpoint.emulator.server.ministack.services import FindRegion

_STATISTICS = ("SampleCount", "Sum", "Minimum", "Maximum")

Point = dict[str, Any]


class _Metrics(AccountRegionScopedDict):  # type: ignore[misc]  # ministack has no types
    """ministack's metrics, whose copy for the saved state is one text of JSON, and which reads that text again.

    A day of AWS's clock has 1,440 datapoints of each metric. Copied and written as the objects that they are, those of
    an afternoon would keep the local AWS from stopping for minutes.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> str:
        return json.dumps(
            [[*scope, key, *_columns(list(points))] for (*scope, key), points in list(self._data.items()) if points]
        )

    def update(self, other: Any) -> None:
        """Adds what a saved state has: a text, or the objects that an earlier release saved."""
        if not isinstance(other, str):
            super().update(other)
            return
        for account, region, key, *columns in json.loads(other):
            self._data[account, region, tuple(key)] = _points(*columns)


def save_metrics_as_text() -> None:
    """Has ministack save its metrics in a form that is small and quick to write; call it before any are recorded."""
    cloudwatch._metrics = _Metrics()


def limit_metric_retention(seconds: int) -> None:
    """Keeps a metric's data for `seconds` before its newest, and drops older data when one is added.

    ministack goes through all its data at each request to CloudWatch, which soon takes longer than a minute of AWS's
    clock where that is a second; and it counts from the wall's clock, which AWS's runs ahead of.
    """
    bucket = cloudwatch._metric_bucket

    def bounded(key: tuple[str, str, str]) -> list[Point]:
        points: list[Point] = bucket(key)
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
        _share_equal_parts(cloudwatch._metrics[namespace, name, cloudwatch._dims_key(dimensions)])
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


def _share_equal_parts(points: list[Point]) -> None:
    """Lets the last point have its dimensions and statistics in common with the one before, where they are equal.

    Most datapoints of an idle hour are equal, and a dictionary of its own is most of what a point takes.
    """
    if len(points) > 1:
        before, last = points[-2:]
        for part in ("Dimensions", "_stat"):
            if part in last and last[part] == before.get(part):
                last[part] = before[part]


def _columns(points: list[Point]) -> tuple[dict[str, str], list[list[Any]]]:
    """Returns a metric's dimensions, and what differs from point to point."""
    rows = [
        [
            point["Timestamp"],
            point["Unit"],
            point["Value"],
            point.get("Count"),
            *(point["_stat"].get(name) for name in _STATISTICS if "_stat" in point),
        ]
        for point in points
    ]
    return points[0]["Dimensions"], rows


def _points(dimensions: dict[str, str], rows: list[list[Any]]) -> list[Point]:
    """Returns the points of a metric, as ministack has them."""
    points: list[Point] = []
    for at, unit, value, count, *statistics in rows:
        point = {"Timestamp": at, "Unit": unit, "Dimensions": dimensions, "Value": value}
        if count is not None:
            point["Count"] = count
        if statistics:
            point["_stat"] = dict(zip(_STATISTICS, statistics, strict=True))
        points.append(point)
        _share_equal_parts(points)
    return points


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
