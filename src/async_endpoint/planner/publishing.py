"""The metrics of a simulated endpoint, a minute at a time; only those that some alarm reads.

Source of names and meanings: the developer guide, "Monitor asynchronous endpoint". The local AWS publishes the same.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from async_endpoint.cloudwatch import MINUTE, MetricKey, MetricStore
from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.requests import Requests
from async_endpoint.planner.template import Stage
from async_endpoint.protocol import WAKE_HELD, WAKE_NAMESPACE

# The queue is sampled every ten seconds: an average or a maximum of a minute sees a change within it.
SAMPLES = tuple(range(0, MINUTE, 10))
# An instance at work is above the limit of an idle one, whatever its type: CPUUtilization counts every core.
_BUSY_CPU, _IDLE_CPU = 10_000.0, 3.0
_BUSY_GPU, _IDLE_GPU = 90.0, 0.0
_DOWNLOAD_MICROSECONDS = 40_000.0  # alarms count its samples

Statistics = Mapping[str, float]


@dataclass(frozen=True)
class Minute:
    """What happened in a minute.

    Attributes:
        begin: Seconds from the beginning of the traffic.
        in_service: How many instances served: since when, ascending, the first at or before `begin`.
        was_in_work: Requests in work when it began.
        first: Index of the first request that left the queue in it.
        first_expired: Position in `Requests.expired` of the first that expired in it.
        ended: When requests ended in it, ascending.
    """

    begin: float
    in_service: Sequence[tuple[float, int]]
    was_in_work: int
    first: int
    first_expired: int
    ended: Sequence[float]


class MetricPublisher:
    """Publishes one endpoint's metrics.

    Args:
        stage: Whose names the metrics carry.
        requests: The requests.
        store: Where the alarms read.
        keys: The metrics that alarms read.
        conditions: The open questions.
        epoch: The epoch second at which the traffic begins.
    """

    def __init__(
        self,
        stage: Stage,
        requests: Requests,
        store: MetricStore,
        *,
        keys: Collection[MetricKey],
        conditions: Conditions,
        epoch: float,
    ) -> None:
        self._requests = requests
        self._store = store
        self._conditions = conditions
        self._epoch = epoch
        of_endpoint = {"EndpointName": stage.endpoint_name}
        of_variant = of_endpoint | {"VariantName": stage.variant_name}
        places = {"AWS/SageMaker": (of_endpoint, of_variant), "/aws/sagemaker/Endpoints": (of_variant,)}
        # A metric may be read with the endpoint's dimension alone and with the variant's as well.
        self._keys = [
            (name, key)
            for namespace, several in places.items()
            for dimensions in several
            for name in _NAMES[namespace]
            if (key := MetricKey.from_dimensions(namespace, name, dimensions)) in keys
        ]
        held = MetricKey.from_dimensions(WAKE_NAMESPACE, WAKE_HELD, of_endpoint)  # put by those that wake it
        self.unknown = set(keys) - {key for _, key in self._keys} - {held}

    def publish(self, minute: Minute) -> None:
        """Publishes a minute that has passed."""
        backlogs, per_instance, without_capacity, ages = self._samples(minute)
        requests = self._requests
        expired = len(requests.expired) - minute.first_expired
        begun = len(requests.left) - minute.first - expired
        instances = minute.in_service[-1][1]
        busy = instances if (minute.was_in_work or begun) else 0
        found: dict[str, Statistics | None] = {
            "ApproximateBacklogSize": _statistics(backlogs),
            "ApproximateBacklogSizePerInstance": _statistics(per_instance),
            "HasBacklogWithoutCapacity": _statistics(without_capacity),
            "ApproximateAgeOfOldestRequest": _statistics(ages),
            "InvocationsProcessed": _alike(len(minute.ended), 1.0),
            "ExpiredRequests": _alike(expired, 1.0),
            "RequestDownloadLatency": _alike(begun, _DOWNLOAD_MICROSECONDS),
            "CPUUtilization": _alike(instances, _BUSY_CPU if busy else _IDLE_CPU),
            "GPUUtilization": _alike(instances, _BUSY_GPU if busy else _IDLE_GPU),
        }
        self._put(found, minute.begin)

    def publish_sleep(self, begin: float) -> None:
        """Publishes a minute without requests and without instances."""
        nothing = _statistics([0.0] * len(SAMPLES))
        found: dict[str, Statistics | None] = dict.fromkeys(_WHILE_ASLEEP, nothing)
        if self._conditions.backlog_per_instance_at_zero == "backlog":
            found["ApproximateBacklogSizePerInstance"] = nothing
        self._put(found, begin)

    def _put(self, found: Mapping[str, Statistics | None], begin: float) -> None:
        for name, key in self._keys:
            statistics = found.get(name)
            if statistics is not None:
                self._store.put_statistics(key, statistics, self._epoch + begin)

    def _samples(self, minute: Minute) -> tuple[list[float], list[float], list[float], list[float]]:
        """Returns the samples of the backlog, of it per instance, of no capacity, and of the oldest request's age."""
        requests, counts_running = self._requests, self._conditions.backlog == "in-flight"
        at_zero = self._conditions.backlog_per_instance_at_zero == "backlog"
        expired = [requests.left[index] for index in requests.expired[minute.first_expired :]]
        backlogs, per_instance, without_capacity, ages = [], [], [], list[float]()
        for offset in SAMPLES:
            at = minute.begin + offset
            left = bisect_right(requests.left, at, minute.first)
            waiting = bisect_right(requests.arrivals, at, left) - left
            backlog = float(waiting)
            if counts_running:
                begun = left - minute.first - (bisect_right(expired, at) if expired else 0)
                backlog += minute.was_in_work + begun - bisect_right(minute.ended, at)
            instances = next(count for since, count in reversed(minute.in_service) if since <= at)
            backlogs.append(backlog)
            without_capacity.append(1.0 if waiting and not instances else 0.0)
            ages.append(at - requests.arrivals[left] if waiting else 0.0)
            if instances or at_zero:
                per_instance.append(backlog / max(instances, 1))
        return backlogs, per_instance, without_capacity, ages


_WHILE_ASLEEP = ("ApproximateBacklogSize", "HasBacklogWithoutCapacity", "ApproximateAgeOfOldestRequest")
_NAMES = {
    "AWS/SageMaker": (
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "HasBacklogWithoutCapacity",
        "ApproximateAgeOfOldestRequest",
        "InvocationsProcessed",
        "InvocationFailures",  # none happens here, so it never has a datapoint
        "ExpiredRequests",
        "RequestDownloadLatency",
    ),
    "/aws/sagemaker/Endpoints": ("CPUUtilization", "GPUUtilization"),
}


def _statistics(values: Sequence[float]) -> Statistics | None:
    if not values:
        return None
    return {"SampleCount": len(values), "Sum": sum(values), "Minimum": min(values), "Maximum": max(values)}


def _alike(count: int, value: float) -> Statistics | None:
    if not count:
        return None
    return {"SampleCount": count, "Sum": count * value, "Minimum": value, "Maximum": value}
