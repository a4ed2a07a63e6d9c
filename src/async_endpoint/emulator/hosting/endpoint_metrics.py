"""The metrics that SageMaker publishes of one asynchronous endpoint, under their exact names and dimensions.

Source: the developer guide, "Monitor asynchronous endpoint". The backlog metrics carry EndpointName alone, the counts
and durations EndpointName and VariantName. What a real process or transfer takes (ModelLatency, RequestDownloadLatency,
ResponseUploadLatency) is measured on the wall's clock, every age on AWS's.
"""

from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.assumptions import Assumptions

_NAMESPACE = "AWS/SageMaker"

_MICROSECONDS = ("ModelLatency", "RequestDownloadLatency", "ResponseUploadLatency")
_MILLISECONDS = ("TimeInBacklog", "TotalProcessingTime")
# The unit of every metric, as CloudWatch shows it. Metrics of other services are not included.
UNITS: dict[str, str] = {
    **dict.fromkeys(_MICROSECONDS, "Microseconds"),
    **dict.fromkeys(_MILLISECONDS, "Milliseconds"),
    "ApproximateAgeOfOldestRequest": "Seconds",
    **dict.fromkeys(
        (
            "ApproximateBacklogSize",
            "ApproximateBacklogSizePerInstance",
            "HasBacklogWithoutCapacity",
            "InvocationsProcessed",
            "InvocationFailures",
            "ExpiredRequests",
            "NotificationFailures",
            "RequestDownloadFailures",
            "ResponseUploadFailures",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
        ),
        "Count",
    ),
}


class EndpointMetrics:
    """Writes one endpoint's metrics into the region's store."""

    def __init__(
        self,
        endpoint_name: str,
        variant_name: str,
        store: MetricStore,
        clock: Clock,
        assumptions: Assumptions | None = None,
    ) -> None:
        self._assumptions = assumptions or Assumptions()
        self._store = store
        self._clock = clock
        self._endpoint = {"EndpointName": endpoint_name}
        self._variant = {"EndpointName": endpoint_name, "VariantName": variant_name}

    def count(self, name: str, value: float = 1.0) -> None:
        """Records an event (InvocationsProcessed, ExpiredRequests and the like), or the value of a duration.

        ModelLatency, RequestDownloadLatency and ResponseUploadLatency are in microseconds, TimeInBacklog and
        TotalProcessingTime in milliseconds.
        """
        self._store.put(MetricKey.from_dimensions(_NAMESPACE, name, self._variant), value, self._clock.now())

    def milliseconds_since(self, moment: float) -> float:
        """Returns the time since `moment`, which is in epoch seconds on AWS's clock."""
        return (self._clock.now() - moment) * 1e3

    def sample(self, *, waiting: int, in_flight: int, instances: int, oldest_age: float) -> None:
        """Samples the state of the queue.

        Args:
            waiting: Requests that wait.
            in_flight: Requests that instances process; whether the backlog counts them is open.
            instances: Instances in service.
            oldest_age: Age of the oldest waiting request in seconds on AWS's clock; 0 with none.
        """
        now = self._clock.now()
        backlog = waiting + (in_flight if self._assumptions.backlog == "in-flight" else 0)
        values = {
            "ApproximateBacklogSize": float(backlog),
            "ApproximateAgeOfOldestRequest": oldest_age,
            # A request that an instance still processes while it is taken out needs no other instance.
            "HasBacklogWithoutCapacity": 1.0 if waiting > 0 and instances == 0 else 0.0,
        }
        if instances:
            values["ApproximateBacklogSizePerInstance"] = backlog / instances
        elif self._assumptions.backlog_per_instance_at_zero == "backlog":
            # At zero instances the documentation gives the whole backlog, and the field finds the metric missing.
            # Missing is the default and the harder case: an alarm on this metric alone then never wakes the endpoint.
            values["ApproximateBacklogSizePerInstance"] = float(backlog)
        for name, value in values.items():
            self._store.put(MetricKey.from_dimensions(_NAMESPACE, name, self._endpoint), value, now)
