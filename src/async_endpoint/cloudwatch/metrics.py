"""Metric data in one-minute buckets, and the statistic of each period over them."""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from async_endpoint.cloudwatch.delivery import Delivery, Punctual
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey

# CloudWatch lets an alarm look back seven days at most; the eighth holds its evaluation range.
RETENTION_SECONDS = 8 * 24 * 60 * MINUTE
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One period's statistic; `value` is None where the period holds no data. `start` is in epoch seconds."""

    start: int
    value: float | None


@dataclass(slots=True)
class _Bucket:
    """The statistics of the samples of one minute, or of a whole period."""

    count: float = 0.0
    total: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    def absorb(self, other: "_Bucket") -> None:
        self.count += other.count
        self.total += other.total
        self.lowest = min(self.lowest, other.lowest)
        self.highest = max(self.highest, other.highest)

    def statistic(self, name: str) -> float | None:
        if not self.count:
            return None
        match name:
            case "Average":
                return self.total / self.count
            case "Maximum":
                return self.highest
            case "Minimum":
                return self.lowest
            case "SampleCount":
                return self.count
            case "Sum":
                return self.total
        raise ValueError(f"There is no statistic {name!r} here; take one of {', '.join(STATISTICS)}.")


@dataclass(slots=True)
class _Series:
    # A plain dict would look for its first key behind all those that were deleted before.
    buckets: OrderedDict[int, _Bucket] = field(default_factory=OrderedDict)
    newest: int = -(2**63)


class MetricStore:
    """Metric data of the last days, at the one-minute resolution of CloudWatch's standard metrics.

    Memory is bounded by the number of metrics times the minutes kept: each minute holds four numbers however many
    samples fell into it. Data older than the retention, measured from the metric's newest minute, is dropped.

    A sample is not visible at once: `delivery` decides when each minute's datapoint arrives. Readers pass the moment at
    which they read; without one they see every sample.
    """

    def __init__(self, retention_seconds: int = RETENTION_SECONDS, delivery: Delivery | None = None) -> None:
        self._retention = retention_seconds
        self._delivery = delivery or Punctual()
        self._series: dict[MetricKey, _Series] = {}

    def put(self, key: MetricKey, value: float, at: float) -> None:
        """Records one sample taken at the epoch second `at`."""
        number = float(value)
        self._add(key, at, _Bucket(1.0, number, number, number))

    def put_statistics(self, key: MetricKey, statistics: Mapping[str, float], at: float) -> None:
        """Records a set of samples by its SampleCount, Sum, Minimum and Maximum, as PutMetricData takes them."""
        wanted = (statistics["SampleCount"], statistics["Sum"], statistics["Minimum"], statistics["Maximum"])
        self._add(key, at, _Bucket(*map(float, wanted)))

    def all_keys(self) -> list[MetricKey]:
        """Returns every metric that holds data."""
        return list(self._series)

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """Returns the moment from which a minute's datapoint is visible, or None."""
        series = self._series.get(key)
        return self._delivery.arrival(key, minute) if series is not None and minute in series.buckets else None

    def periods(
        self,
        key: MetricKey,
        statistic: str,
        period: int,
        start: float,
        end: float,
        *,
        seen_at: float | None = None,
    ) -> dict[int, float]:
        """Returns the statistic of each period that holds data, by the period's start, oldest first.

        Periods of `period` seconds are aligned to the epoch; the first is the one that contains `start`, the last
        begins before `end`. Minutes from `end` on, and those not yet visible at `seen_at`, are left out.

        Raises:
            ValueError: `period` is not a positive multiple of 60, or the statistic is unknown.
        """
        self._check(statistic, period)
        first, last = math.floor(start / period) * period, math.ceil(end)
        found = {
            at: self._statistic(key, statistic, at, min(at + period, last), seen_at)
            for at in range(first, last, period)
        }
        return {at: value for at, value in found.items() if value is not None}

    def arriving(self, key: MetricKey, statistic: str, minute: int) -> tuple[float, float | None]:
        """Returns when the datapoint of the minute that begins at `minute` arrives, and its statistic.

        Without data, or if it never arrives, that is infinity and None.
        """
        series = self._series.get(key)
        bucket = None if series is None else series.buckets.get(minute)
        arrival = None if bucket is None else self._delivery.arrival(key, minute)
        return (math.inf, None) if bucket is None or arrival is None else (arrival, bucket.statistic(statistic))

    def window(self, key: MetricKey, statistic: str, period: int, end: float, count: int) -> tuple[Datapoint, ...]:
        """Returns the last `count` periods before the minute of `end`, oldest first, as visible at `end`.

        Missing periods, and those that have not arrived yet, have no value. The window moves by the minute: five-minute
        periods read at minute 6 cover minutes 1 to 6, as an alarm's do.

        Raises:
            ValueError: `period` is not a positive multiple of 60, or the statistic is unknown.
        """
        self._check(statistic, period)
        last = math.floor(end / MINUTE) * MINUTE
        starts: Iterable[int] = range(last - count * period, last, period)
        if period == MINUTE:
            series = self._series.get(key)
            buckets = {} if series is None else series.buckets
            return tuple(Datapoint(at, self._of_minute(key, buckets.get(at), statistic, at, end)) for at in starts)
        return tuple(Datapoint(at, self._statistic(key, statistic, at, at + period, end)) for at in starts)

    def state(self) -> list[Any]:
        """Returns all data, as plain JSON for `restore`."""
        return [
            [key.namespace, key.name, sorted(key.dimensions), [
                [minute, bucket.count, bucket.total, bucket.lowest, bucket.highest]
                for minute, bucket in series.buckets.items()
            ]]
            for key, series in self._series.items()
        ]  # fmt: skip

    def restore(self, state: Iterable[Any]) -> None:
        """Restores what `state` returned."""
        for namespace, name, dimensions, buckets in state:
            key = MetricKey.from_dimensions(namespace, name, dict(dimensions))
            for minute, *numbers in buckets:
                self._add(key, minute, _Bucket(*numbers))

    @staticmethod
    def _check(statistic: str, period: int) -> None:
        if statistic not in STATISTICS:
            raise ValueError(f"There is no statistic {statistic!r} here; take one of {', '.join(STATISTICS)}.")
        if period <= 0 or period % MINUTE:
            raise ValueError(f"One-minute data has no periods of {period} seconds; take a multiple of 60.")

    def _statistic(self, key: MetricKey, statistic: str, start: int, end: int, seen_at: float | None) -> float | None:
        series = self._series.get(key)
        if series is None:
            return None
        merged = _Bucket()
        for minute in range(start, end, MINUTE):
            bucket = series.buckets.get(minute)
            if bucket is not None and (seen_at is None or self._is_visible(key, minute, seen_at)):
                merged.absorb(bucket)
        return merged.statistic(statistic)

    def _of_minute(
        self, key: MetricKey, bucket: _Bucket | None, statistic: str, minute: int, seen_at: float
    ) -> float | None:
        """Returns what `_statistic` does of one minute: nothing is to be merged. Most alarms have such periods."""
        if bucket is None or not self._is_visible(key, minute, seen_at):
            return None
        return bucket.statistic(statistic)

    def _is_visible(self, key: MetricKey, minute: int, seen_at: float) -> bool:
        arrival = self._delivery.arrival(key, minute)
        return arrival is not None and arrival <= seen_at

    def _add(self, key: MetricKey, at: float, samples: _Bucket) -> None:
        series = self._series.setdefault(key, _Series())
        minute = math.floor(at / MINUTE) * MINUTE
        series.newest = max(series.newest, minute)
        horizon = series.newest - self._retention
        if minute <= horizon:
            return
        if (known := series.buckets.get(minute)) is None:
            series.buckets[minute] = samples
        else:
            known.absorb(samples)
        # Buckets are in the order of creation, which is that of time except for late samples.
        while (oldest := next(iter(series.buckets))) <= horizon:
            del series.buckets[oldest]
