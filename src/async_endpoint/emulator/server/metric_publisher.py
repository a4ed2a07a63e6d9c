"""The region's metrics: stored for alarms, and published to CloudWatch as their datapoints arrive there."""

import heapq
import itertools
import logging
import math
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cloudwatch.delivery import LONGEST_DELAY, Delivery
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metrics import Datapoint, MetricStore
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.endpoint_metrics import UNITS

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

_PUBLISHED_NAMESPACES = ("AWS/SageMaker", "AWS/SQS", "AWS/Lambda", "AWS/Events", "/aws/sagemaker/Endpoints")
_OTHER_UNITS: dict[str, "StandardUnitType"] = {
    "ApproximateAgeOfOldestMessage": "Seconds",
    "Duration": "Milliseconds",
}
_DATA_PER_CALL = 500

logger = logging.getLogger(__name__)


def _unit(key: MetricKey) -> "StandardUnitType":
    """Returns a metric's unit: by name, percent for an instance's use of its machine, counts for all others."""
    if key.namespace.startswith("/aws/sagemaker/"):
        return "Percent"
    return _OTHER_UNITS.get(key.name) or cast("StandardUnitType", UNITS.get(key.name, "Count"))


class SharedMetricStore(MetricStore):
    """A metric store with a lock: instances write to it from threads of their own."""

    def __init__(self, delivery: Delivery | None = None) -> None:
        super().__init__(delivery=delivery)
        self._lock = threading.Lock()

    def put(self, key: MetricKey, value: float, at: float) -> None:
        """As `MetricStore.put`."""
        with self._lock:
            super().put(key, value, at)

    def put_statistics(self, key: MetricKey, statistics: Mapping[str, float], at: float) -> None:
        """As `MetricStore.put_statistics`."""
        with self._lock:
            super().put_statistics(key, statistics, at)

    def arrival(self, key: MetricKey, minute: int) -> float | None:
        """As `MetricStore.arrival`."""
        with self._lock:
            return super().arrival(key, minute)

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
        """As `MetricStore.periods`."""
        with self._lock:
            return super().periods(key, statistic, period, start, end, seen_at=seen_at)

    def window(self, key: MetricKey, statistic: str, period: int, end: float, count: int) -> tuple[Datapoint, ...]:
        """As `MetricStore.window`."""
        with self._lock:
            return super().window(key, statistic, period, end, count)

    def state(self) -> list[Any]:
        """As `MetricStore.state`."""
        with self._lock:
            return super().state()

    def all_keys(self) -> list[MetricKey]:
        """As `MetricStore.all_keys`."""
        with self._lock:
            return super().all_keys()


class MetricPublisher:
    """Publishes what SageMaker measured to the emulated CloudWatch, each minute's statistic set when it arrives there.

    Clients then see the metrics as the alarms do: late, out of step, with gaps.

    Args:
        clients: The emulated services.
        store: The measured metrics.
        now: The beginning, in epoch seconds on AWS's clock. Earlier arrivals were published before.
    """

    def __init__(self, clients: AwsClients, store: SharedMetricStore, now: float) -> None:
        self._clients = clients
        self._store = store
        self._began = now
        self._collected = math.floor((now - LONGEST_DELAY) / MINUTE) * MINUTE
        self._under_way: list[tuple[float, int, int, MetricKey]] = []  # a heap: arrival, a number, minute, metric
        self._count = itertools.count()
        self._taken: dict[int, set[MetricKey]] = {}  # by minute, of the last two that were collected

    def publish(self, now: float) -> None:
        """Publishes what has arrived by `now`, in epoch seconds on AWS's clock."""
        while self._collected + MINUTE <= now:
            # A measurement of a minute's last moment may have been stored after the minute.
            for minute in (self._collected - MINUTE, self._collected):
                self._collect(minute)
            self._taken.pop(self._collected - MINUTE, None)
            self._collected += MINUTE
        arrived: dict[str, list[MetricDatumTypeDef]] = {}
        while self._under_way and self._under_way[0][0] <= now:
            _, _, minute, key = heapq.heappop(self._under_way)
            arrived.setdefault(key.namespace, []).append(self._datum(key, minute))
        for namespace, data in arrived.items():
            for first in range(0, len(data), _DATA_PER_CALL):
                self._put(namespace, data[first : first + _DATA_PER_CALL])

    def _collect(self, minute: int) -> None:
        """Collects a past minute's datapoints, which then are under way; skips those that it has collected before."""
        taken = self._taken.setdefault(minute, set())
        for key in self._store.all_keys():
            if key.namespace in _PUBLISHED_NAMESPACES and key not in taken:
                arrival = self._store.arrival(key, minute)
                if arrival is not None and arrival > self._began:
                    taken.add(key)
                    heapq.heappush(self._under_way, (arrival, next(self._count), minute, key))

    def _datum(self, key: MetricKey, minute: int) -> "MetricDatumTypeDef":
        values = {
            name: self._store.periods(key, name, MINUTE, minute, minute + MINUTE)[minute]
            for name in ("SampleCount", "Sum", "Minimum", "Maximum")
        }
        return {
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(key.dimensions)],
            "Unit": _unit(key),
            "Timestamp": datetime.fromtimestamp(minute, UTC),
            "StatisticValues": {
                "SampleCount": values["SampleCount"],
                "Sum": values["Sum"],
                "Minimum": values["Minimum"],
                "Maximum": values["Maximum"],
            },
        }

    def _put(self, namespace: str, data: "list[MetricDatumTypeDef]") -> None:
        try:
            self._clients.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
        except (BotoCoreError, ClientError):
            logger.exception("%d datapoints of %s could not be published", len(data), namespace)
