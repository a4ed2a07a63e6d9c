"""A queue, its consumers, and the running S3, SNS and SQS that they write to."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.invocation import ContainerResponse
from async_endpoint.emulator.hosting.consumer import InstanceConsumer
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.payloads import PayloadReader
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.results import ResultWriter
from async_endpoint.emulator.server.metric_publisher import SharedMetricStore
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import START, FakeInstance, Launches, endpoint_config, eventually, within_limit

WAITED = 2.5  # seconds that every request here has been in the queue
WALL = START - 86_400.0  # AWS's clock is a day ahead of it
STAMP = datetime.fromtimestamp(WALL, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _Now:
    """Equals a notification's time of the last minute, on the wall's clock."""

    def __eq__(self, other: object) -> bool:
        return 0 <= (datetime.now(UTC) - datetime.fromisoformat(str(other))).total_seconds() < MINUTE

    __hash__ = None  # type: ignore[assignment]  # it equals more than one value

    def __repr__(self) -> str:
        return "<within the last minute>"


NOW = _Now()


@dataclass
class Bench:
    """A queue with its consumers, and all that they write to."""

    around: Destinations
    clients: AwsClients
    queue: RequestQueue = field(default_factory=RequestQueue)
    store: SharedMetricStore = field(default_factory=SharedMetricStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    consumers: list[tuple[InstanceConsumer, FakeInstance]] = field(default_factory=list)

    def put(self, output: dict[str, Any] | None = None, losses: int = 0, **members: Any) -> QueuedRequest:
        given: dict[str, Any] = {"endpoint_name": "receipts", "inference_id": uuid.uuid4().hex, **members}
        if "body" not in given:
            given.setdefault("input_location", self.around.upload(b"a receipt"))
        request = InvocationRequest(**given)
        config = OutputConfig.from_endpoint_config(
            endpoint_config("c", "m", output={**self.around.output, **(output or {})})
        )
        item = QueuedRequest(request, *config.locations(request), self.clock.now(), WALL, config, losses)
        self.queue.put(item)
        return item

    def serve(self, instance: FakeInstance, concurrency: int = 1, ping_seconds: float = 5.0) -> InstanceConsumer:
        self.clock.advance(START + WAITED - self.clock.now())
        instance.start()
        metrics = EndpointMetrics("receipts", "AllTraffic", self.store, self.clock)
        context = HostingContext(self.clients, Launches(), self.store, self.clock)
        consumer = InstanceConsumer(
            self.queue,
            instance,
            concurrency=concurrency,
            payloads=PayloadReader(self.queue, self.clients, metrics),
            results=ResultWriter("receipts", "AllTraffic", context, metrics),
            metrics=metrics,
            ping_seconds=ping_seconds,
        )
        self.consumers.append((consumer, instance))
        return consumer

    @staticmethod
    def join(consumer: InstanceConsumer) -> None:
        """Return when a consumer whose container is gone holds no request any more."""
        within_limit(consumer.join, "the end of a consumer")

    def settle(self) -> None:
        """Return when every request has its outcome."""
        eventually(lambda: self.queue.backlog == 0, "an outcome of every request")

    def counts(self) -> dict[str, float]:
        """The sums of the metrics that count events."""
        sums = {key.name: sum(self.store.periods(key, "Sum", MINUTE, START, START + 3600).values())
                for key in self.store.all_keys()}  # fmt: skip
        return {name: value for name, value in sums.items() if not name.endswith(("Latency", "Time", "TimeInBacklog"))}


def returning(status: int, body: bytes = b"out of memory", content_type: str = "text/plain") -> FakeInstance:
    return FakeInstance(lambda _: ContainerResponse(status, content_type, body))


def raising(error: Exception) -> Callable[[bytes], ContainerResponse]:
    def handler(_: bytes) -> ContainerResponse:
        raise error

    return handler
