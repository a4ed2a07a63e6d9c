"""The fleet still grows to its maximum though the lane keeps SageMaker's queue short, however late the metrics are."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from aws_cdk.assertions import Template

from async_endpoint.cloudwatch import Delayed, DelayRange, MetricKey, Publisher
from async_endpoint.protocol import VariantCapacity
from submit.lane_limit import LimitSettings, lane_limit
from tests.autoscaling.fleet import Fleet
from tests.stacks.scaled_fleet import INSTANCES, OF_QUEUE, OF_VARIANT, scaled
from tests.stacks.templates import TemplateWith

MOST = 4
BATCH = 8
TICK = 1  # second
ON_ITS_WAY = 3  # seconds from an outcome to the next submission
HOUR = 3600


def queue_metric(name: str) -> MetricKey:
    return MetricKey.from_dimensions("AWS/SageMaker", name, OF_QUEUE)


@dataclass
class Lane:
    """Thousands of documents that wait for admission, and a fleet that works on those that are admitted.

    `done` are the moments at which outcomes reach the function that submits.
    """

    fleet: Fleet
    batch_seconds: int
    counts_running: bool
    settings: LimitSettings
    waiting: int = 5_000
    queue: int = 0
    taken: list[int] = field(default_factory=lambda: [0] * MOST)
    ends: list[float] = field(default_factory=lambda: [0.0] * MOST)
    work: list[int] = field(default_factory=lambda: [0] * MOST)
    done: deque[float] = field(default_factory=deque)

    def publish(self, now: float) -> Iterator[tuple[MetricKey, float]]:
        count = self.fleet.endpoint.count
        for number in range(count):
            if self.work[number] and now >= self.ends[number]:
                self.done.extend([now + ON_ITS_WAY] * self.work[number])
                self.work[number] = 0
            if not self.work[number]:
                self.take(number)
                self.work[number] = min(BATCH, self.taken[number])
                self.taken[number] -= self.work[number]
                self.ends[number] = now + self.batch_seconds
            self.take(number)
        self.admit(now, count)
        if now % 10 == 0:
            yield from self.metrics(count)

    def take(self, number: int) -> None:
        """An instance takes requests until it has two batches."""
        taken = min(self.queue, 2 * BATCH - self.work[number] - self.taken[number])
        self.queue -= taken
        self.taken[number] += taken

    def admit(self, now: float, count: int) -> None:
        while self.done and self.done[0] <= now:
            self.done.popleft()
        rate = count * BATCH / self.batch_seconds
        capacity = VariantCapacity(status="InService", running=count, desired=count)
        with_endpoint = self.queue + sum(self.taken) + sum(self.work) + len(self.done)
        limit = lane_limit(self.settings, capacity, messages=self.waiting, per_second=rate if count else 0.0)
        admitted = max(0, min(self.waiting, limit - with_endpoint))
        self.waiting -= admitted
        self.queue += admitted

    def metrics(self, count: int) -> Iterator[tuple[MetricKey, float]]:
        in_flight = sum(self.taken) + sum(self.work)
        backlog = self.queue + (in_flight if self.counts_running else 0)
        yield queue_metric("ApproximateBacklogSize"), backlog
        yield queue_metric("HasBacklogWithoutCapacity"), float(backlog > 0 and count == 0)
        if count:
            yield queue_metric("ApproximateBacklogSizePerInstance"), backlog / count
        for _ in range(count):
            yield MetricKey.from_dimensions(INSTANCES, "CPUUtilization", OF_VARIANT), 90.0


@pytest.fixture(scope="module", params=["responsive", "aws"])
def template(endpoint_with: TemplateWith, request: pytest.FixtureRequest) -> Template:
    return endpoint_with(scaling__max_instances=MOST, scaling__preset=request.param)


def limits(for_scaling: int | None = None) -> LimitSettings:
    return LimitSettings(
        instance_requests=2 * BATCH,
        instance_batch=BATCH,
        backlog_per_instance=5,
        # As if the maximum ran already: nothing is left in the queue for scaling.
        max_instances=MOST if for_scaling is None else for_scaling,
        batch_size=10,
        max_concurrency=10,
    )


@pytest.mark.parametrize("batch_seconds", [2, 8, 60])
@pytest.mark.parametrize("counts_running", [True, False])
@pytest.mark.parametrize("late", [0, 60, 120, 180])
def test_a_full_lane_wakes_the_fleet_and_takes_it_to_its_maximum(
    template: Template, batch_seconds: int, late: int, *, counts_running: bool
) -> None:
    delivery = Delayed({publisher: DelayRange(late, late + 30) for publisher in Publisher}, 0.0, 0)
    fleet = scaled(template, most=MOST, delivery=delivery)
    lane = Lane(fleet, batch_seconds, counts_running, limits(), waiting=50_000)
    fleet.run(HOUR, lane.publish, every=TICK)
    assert fleet.endpoint.count == MOST, fleet.endpoint.changes


def test_without_the_part_for_scaling_it_would_not_grow(template: Template) -> None:
    """If the backlog does not count what the instances have taken, two batches leave nothing in it."""
    fleet = scaled(template, most=MOST)
    fleet.endpoint.count = 1
    lane = Lane(fleet, 8, counts_running=False, settings=limits(for_scaling=1), waiting=50_000)
    fleet.run(HOUR, lane.publish, every=TICK)
    assert fleet.endpoint.count == 1
