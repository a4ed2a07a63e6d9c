"""What instances use of their machines, as SageMaker publishes it once a minute while they run.

Source: the developer guide, "Amazon SageMaker AI metrics in CloudWatch". CPUUtilization is in percent of one core, so
that two busy cores are 200; MemoryUtilization in percent of the machine's memory. This machine has no GPU:
GPUUtilization and GPUMemoryUtilization are missing, as for an instance without one.
"""

import time
from collections.abc import Mapping

import psutil

from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore

_NAMESPACE = "/aws/sagemaker/Endpoints"


class InstanceMetrics:
    """Writes the use of one variant's instances into the region's store; used by one thread.

    Processor time is that of real processes, measured on the wall's clock.
    """

    def __init__(self, endpoint_name: str, variant_name: str, store: MetricStore, clock: Clock) -> None:
        self._dimensions = {"EndpointName": endpoint_name, "VariantName": variant_name}
        self._store = store
        self._clock = clock
        self._before: dict[int, tuple[float, float]] = {}  # by process: moment, and processor time until then

    def sample(self, roots: Mapping[int, float]) -> None:
        """Takes one sample of each instance, given as its root process id and the moment of its launch.

        Moments are in seconds of the monotonic clock.
        """
        now, at = time.monotonic(), self._clock.now()
        before, self._before = self._before, {}
        for root, began in roots.items():
            used = used_by(root)
            if used is None:
                continue
            processor, memory = used
            since, until_then = before.get(root, (began, 0.0))
            self._before[root] = (now, processor)
            # The time of a process that nobody waited for is lost: a negative difference counts as zero.
            share = max(0.0, processor - until_then) / max(now - since, 1e-3)
            self._put("CPUUtilization", 100 * share, at)
            self._put("MemoryUtilization", 100 * memory / psutil.virtual_memory().total, at)

    def _put(self, name: str, value: float, at: float) -> None:
        self._store.put(MetricKey.from_dimensions(_NAMESPACE, name, self._dimensions), value, at)


def used_by(root: int) -> tuple[float, int] | None:
    """Returns processor seconds and resident bytes of a process and its descendants; None when it is gone."""
    try:
        processes = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return None
    processor, memory = 0.0, 0
    for process in processes:
        try:
            times = process.cpu_times()
            memory += process.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
        # Those that ended are in the time of the process that waited for them.
        processor += times.user + times.system + times.children_user + times.children_system
    return processor, memory
