"""The region's metrics: kept for alarms, and put into the emulated CloudWatch once a minute."""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.endpoint_metrics import UNITS
from async_endpoint.scaling.metrics import MINUTE, Datapoint, MetricKey, MetricStore

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

_PUBLISHED_NAMESPACES = ("AWS/SageMaker", "AWS/SQS", "/aws/sagemaker/Endpoints")
_DATA_PER_CALL = 500

logger = logging.getLogger(__name__)


def _unit(key: MetricKey) -> "StandardUnitType":
    """The unit of a metric: SageMaker's by its name, an instance's use of its machine in percent, of queues counts."""
    if key.namespace.startswith("/aws/sagemaker/"):
        return "Percent"
    return cast("StandardUnitType", UNITS.get(key.name, "Count"))


class SharedMetricStore(MetricStore):
    """A metric store that instances write to from threads of their own."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def put(self, key: MetricKey, value: float, at: float) -> None:
        """As `MetricStore.put`."""
        with self._lock:
            super().put(key, value, at)

    def put_statistics(self, key: MetricKey, statistics: Mapping[str, float], at: float) -> None:
        """As `MetricStore.put_statistics`."""
        with self._lock:
            super().put_statistics(key, statistics, at)

    def periods(self, key: MetricKey, statistic: str, period: int, start: float, end: float) -> dict[int, float]:
        """As `MetricStore.periods`."""
        with self._lock:
            return super().periods(key, statistic, period, start, end)

    def window(self, key: MetricKey, statistic: str, period: int, end: float, count: int) -> tuple[Datapoint, ...]:
        """As `MetricStore.window`."""
        with self._lock:
            return super().window(key, statistic, period, end, count)

    def state(self) -> list[Any]:
        """As `MetricStore.state`."""
        with self._lock:
            return super().state()

    def all_keys(self) -> list[MetricKey]:
        """Every metric that holds data."""
        with self._lock:
            return list(self.keys())


class MetricPublisher:
    """Puts what SageMaker measured into the emulated CloudWatch, as the statistic set of each minute."""

    def __init__(self, backends: Backends, store: SharedMetricStore) -> None:
        self._backends = backends
        self._store = store

    def publish(self, start: int, end: int) -> None:
        """Publish the minutes from `start` to before `end`, in epoch seconds on AWS's clock."""
        for key in self._store.all_keys():
            if key.namespace in _PUBLISHED_NAMESPACES:
                data = self._data(key, start, end)
                for first in range(0, len(data), _DATA_PER_CALL):
                    self._put(key.namespace, data[first : first + _DATA_PER_CALL])

    def _data(self, key: MetricKey, start: int, end: int) -> "list[MetricDatumTypeDef]":
        counts = self._store.periods(key, "SampleCount", MINUTE, start, end)
        statistics = {
            name: self._store.periods(key, name, MINUTE, start, end) for name in ("Sum", "Minimum", "Maximum")
        }
        return [
            {
                "MetricName": key.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(key.dimensions)],
                "Unit": _unit(key),
                "Timestamp": datetime.fromtimestamp(minute, UTC),
                "StatisticValues": {
                    "SampleCount": count,
                    "Sum": statistics["Sum"][minute],
                    "Minimum": statistics["Minimum"][minute],
                    "Maximum": statistics["Maximum"][minute],
                },
            }
            for minute, count in counts.items()
        ]

    def _put(self, namespace: str, data: "list[MetricDatumTypeDef]") -> None:
        try:
            self._backends.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
        except (BotoCoreError, ClientError):
            logger.exception("could not publish %d data of %s", len(data), namespace)
