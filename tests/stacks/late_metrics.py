"""An endpoint with a template's alarms and policies, whose metrics reach CloudWatch late, out of step and with gaps.

`simulate` runs one case in virtual time and returns what the endpoint did.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aws_cdk.assertions import Template

from async_endpoint.autoscaling import CapacityError
from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch import Delayed, DelayRange, EvaluationRules, MetricKey, MetricStore, Publisher
from async_endpoint.protocol import WAKE_HELD, WAKE_NAMESPACE, ScalingBounds, hold_wake_alarm, instances_to_wake
from tests.autoscaling.fleet import ENDPOINT, RESOURCE, START
from tests.stacks.scaled_fleet import scaled

OF_QUEUE = {"EndpointName": ENDPOINT}
OF_VARIANT = {"EndpointName": ENDPOINT, "VariantName": "AllTraffic"}
BACKLOG = MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSize", OF_QUEUE)
WITHOUT_CAPACITY = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", OF_QUEUE)
PER_INSTANCE = MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSizePerInstance", OF_QUEUE)
DOWNLOADED = MetricKey.from_dimensions("AWS/SageMaker", "RequestDownloadLatency", OF_VARIANT)
PROCESSED = MetricKey.from_dimensions("AWS/SageMaker", "InvocationsProcessed", OF_VARIANT)
CPU = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", "CPUUtilization", OF_VARIANT)
GPU = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", "GPUUtilization", OF_VARIANT)

HELD = MetricKey.from_dimensions(WAKE_NAMESPACE, WAKE_HELD, OF_QUEUE)

MINUTE = 60
TICK = 20  # seconds
IDLE_CPU = 6.0  # percent of one core: a model server that waits
BUSY_CPU = 380.0  # of four cores
START_SECONDS = 240.0
PROTECTED_SECONDS = 300

Pattern = Literal[
    "burst", "long", "every-7-minutes", "again-when-asleep", "200-at-once", "more-while-waking", "just-before-sleep"
]
Reading = Literal["in-flight", "queued"]
Started = Literal["at-start", "at-end", "never"]  # when RequestDownloadLatency is published


@dataclass(frozen=True)
class Case:
    """One case: how late the publishers are (base delay and their offsets from it), in which reading, what traffic."""

    pattern: Pattern
    delay: int = 0
    queue: int = 0
    variant: int = 0
    instances: int = 0
    jitter: int = 0
    gaps: float = 0.0
    backlog: Reading = "in-flight"
    rules: EvaluationRules = field(default_factory=EvaluationRules)
    started: Started = "never"
    start_seconds: float = START_SECONDS
    seed: int = 0
    woken_by_submission: bool = False
    holds_alarm: bool = True  # whether a submission that wakes also holds the wake alarm

    @property
    def delivery(self) -> Delayed:
        offsets = {
            Publisher.QUEUE: self.queue,
            Publisher.VARIANT: self.variant,
            Publisher.INSTANCES: self.instances,
        }
        delays = {
            publisher: DelayRange(max(0, self.delay + by - self.jitter), max(0, self.delay + by) + self.jitter)
            for publisher, by in offsets.items()
        }
        return Delayed(delays, self.gaps, self.seed)

    @property
    def worst(self) -> float:
        """The longest delay of any publisher, in seconds."""
        return max(each.longest for each in self.delivery.delays.values())


@dataclass
class Variant:
    """A CapacityPort of one variant: instances come up after a while, and end at once with what they work on."""

    clock: ManualClock
    start_seconds: float
    wanted: int = 0
    up: list[float] = field(default_factory=list)  # when each instance in service came up
    updating_until: float = 0.0
    changes: list[tuple[float, int]] = field(default_factory=list)

    def desired(self, resource_id: str) -> int:
        self._check(resource_id)
        return self.wanted

    def set_desired(self, resource_id: str, capacity: int) -> None:
        self._check(resource_id)
        now = self.clock.now()
        self.changes.append((now, capacity))
        self.updating_until = now + (self.start_seconds if capacity > len(self.up) else 0)
        self.wanted = capacity
        del self.up[capacity:]

    def is_updating(self, resource_id: str) -> bool:
        self._check(resource_id)
        return self.clock.now() < self.updating_until

    def running(self, resource_id: str) -> int:
        self._check(resource_id)
        return len(self.up)

    def failure(self, resource_id: str) -> str | None:
        self._check(resource_id)
        return None

    def come_up(self) -> None:
        if len(self.up) < self.wanted and self.clock.now() >= self.updating_until:
            self.up += [self.updating_until] * (self.wanted - len(self.up))

    @staticmethod
    def _check(resource_id: str) -> None:
        if resource_id != RESOURCE:
            raise CapacityError(f"Could not find endpoint of {resource_id}.")


@dataclass
class Request:
    arrived: float
    seconds: float
    until: float | None = None  # when its instance will have done it


@dataclass
class Course:
    """What happened: moments in epoch seconds."""

    case: Case
    metrics: MetricStore
    changes: list[tuple[float, int]]
    arrivals: list[float] = field(default_factory=list)
    asleep_arrivals: list[float] = field(default_factory=list)  # of requests that met no instance, none wanted
    results: list[float] = field(default_factory=list)
    cut_off: list[tuple[float, Request]] = field(default_factory=list)
    ended_early: list[tuple[float, float]] = field(default_factory=list)  # at, and when the instance had come up
    left: int = 0
    most: int = 0  # requests at once


def traffic(pattern: Pattern, seed: int) -> list[Request]:
    """The requests of a pattern, which come from the first minute on; those of a second act come later."""
    first, burst = START + 90.0, range(20)
    patterns: dict[Pattern, list[Request]] = {
        "burst": [Request(first, 30) for _ in burst],
        "long": [Request(first, 14 * MINUTE)],
        "every-7-minutes": [Request(first + 7 * MINUTE * number, 30) for number in range(9)],
        "again-when-asleep": [Request(first, 30)],
        "200-at-once": [Request(first, 20) for _ in range(200)],
        # The fleet grows beyond what woke it, while the wake alarm still lasts.
        "more-while-waking": [Request(first, 300), *(Request(first + 330 + MINUTE * (seed % 5), 300) for _ in burst)],
        # The alarm has almost all of its idle minutes; what has not arrived yet decides.
        "just-before-sleep": [Request(first, 30), Request(first + 20 * MINUTE + seed % (6 * MINUTE), 600)],
    }
    return patterns[pattern]


def simulate(case: Case, template: Template, *, hours: float = 3.0) -> Course:
    """Run one case on a template's alarms and policies."""
    fleet = scaled(template, most=4, delivery=case.delivery, rules=case.rules)
    variant = Variant(fleet.clock, case.start_seconds)
    fleet.scaler._capacity = variant
    fleet.scaler._engine._changes._port = variant
    return _Run(case, fleet.clock, fleet.metrics, fleet.scaler, variant).run(hours)


@dataclass
class _Run:
    case: Case
    clock: ManualClock
    metrics: MetricStore
    scaler: "object"
    variant: Variant
    waiting: list[Request] = field(default_factory=list)
    at_work: list[Request] = field(default_factory=list)

    def run(self, hours: float) -> Course:
        course = Course(self.case, self.metrics, self.variant.changes)
        pending = traffic(self.case.pattern, self.case.seed)
        again = self.case.pattern == "again-when-asleep"
        end = START + hours * 3600
        while self.clock.now() < end:
            now = self.clock.now()
            self.variant.come_up()
            while pending and pending[0].arrived <= now:
                request = pending.pop(0)
                self.waiting.append(request)
                course.arrivals.append(request.arrived)
                if not self.variant.up and not self.variant.wanted:
                    course.asleep_arrivals.append(now)  # when it is first measured
            self._submitted(now)
            before_work = len(self.at_work)
            done = self._work(now, course)
            course.most = max(course.most, len(self.waiting) + len(self.at_work))
            started = {"at-start": len(self.at_work) + done - before_work, "at-end": done, "never": 0}
            self._publish(now, done, started[self.case.started])
            self.clock.advance(TICK)
            self.variant.come_up()
            before = list(self.variant.up)
            self.scaler.tick()  # type: ignore[attr-defined]
            self._account(before, course)
            if not self.waiting and not self.at_work and not pending and course.results and not self.variant.wanted:
                if not again:
                    break
                again = False
                pending = [Request(self.clock.now() + 5, 30)]
        course.left = len(self.waiting) + len(self.at_work) + len(pending)
        return course

    def _submitted(self, now: float) -> None:
        """Do what the function that submits does, just after it: wake the variant, and hold the wake alarm."""
        sleeps = not self.variant.wanted and not self.variant.is_updating(RESOURCE)
        if not (self.case.woken_by_submission and self.waiting and sleeps):
            return
        bounds = ScalingBounds(minimum=0, maximum=4)
        wanted = instances_to_wake(bounds, waiting=len(self.waiting), backlog_per_instance=5)
        assert isinstance(wanted, int)
        self.variant.set_desired(RESOURCE, wanted)
        if self.case.holds_alarm:
            hold_wake_alarm(self, ENDPOINT, now=datetime.fromtimestamp(now, UTC), seconds=900)

    def put_metric_data(self, **members: Any) -> None:
        """PutMetricData, of the wake alarm's hold."""
        for datum in members["MetricData"]:
            self.metrics.put(HELD, datum["Value"], datum["Timestamp"].timestamp())

    def _work(self, now: float, course: Course) -> int:
        done = [request for request in self.at_work if request.until is not None and request.until <= now]
        self.at_work = [request for request in self.at_work if request not in done]
        course.results += [request.until for request in done if request.until is not None]
        while self.waiting and len(self.at_work) < len(self.variant.up):
            request = self.waiting.pop(0)
            request.until = now + request.seconds
            self.at_work.append(request)
        return len(done)

    def _account(self, before: list[float], course: Course) -> None:
        """Note what a scale-in of this tick has done to requests and instances."""
        now = self.clock.now()
        for up_since in before[len(self.variant.up) :]:
            if self.waiting and now - up_since < PROTECTED_SECONDS:
                course.ended_early.append((now, up_since))
        while len(self.at_work) > len(self.variant.up):
            request = self.at_work.pop()
            if request.until is not None and request.until > now:
                course.cut_off.append((now, request))
                self.waiting.insert(0, Request(request.arrived, request.seconds))
            else:
                course.results.append(now)

    def _publish(self, now: float, done: int, started: int) -> None:
        for key, value in self._samples(done):
            self.metrics.put(key, value, now)
        for _ in range(started):
            self.metrics.put(DOWNLOADED, 40_000, now)

    def _samples(self, done: int) -> Iterator[tuple[MetricKey, float]]:
        running = len(self.variant.up)
        counted = len(self.at_work) if self.case.backlog == "in-flight" else 0
        backlog = len(self.waiting) + counted
        yield BACKLOG, backlog
        yield WITHOUT_CAPACITY, float(backlog > 0 and running == 0)
        if running:
            yield PER_INSTANCE, backlog / running
        if done:
            yield PROCESSED, done
        looks_idle = self.case.pattern == "long"
        for number in range(running):
            busy = number < len(self.at_work) and not looks_idle
            yield CPU, BUSY_CPU if busy else IDLE_CPU
            yield GPU, 90.0 if busy else 0.0
