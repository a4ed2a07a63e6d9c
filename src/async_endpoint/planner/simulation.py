"""Queue, instances, metrics and scaling of a stage in virtual time.

Between two events the requests run through a loop over plain arrays. The autoscaler is the one of the local AWS; it is
ticked at each full minute, except while no request is there and the endpoint has its minimum of instances.
"""

import itertools
import math
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from async_endpoint.cloudwatch import MINUTE, MetricStore
from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.history import History
from async_endpoint.planner.outcome import Outcome
from async_endpoint.planner.publishing import MetricPublisher, Minute
from async_endpoint.planner.requests import Requests
from async_endpoint.planner.scaling import StageScaling
from async_endpoint.planner.scheduled_start import as_scheduled_by
from async_endpoint.planner.template import Stage
from async_endpoint.planner.traffic import Traffic
from async_endpoint.planner.variant import Variant
from async_endpoint.planner.waking import WATCHDOG_SECONDS, Waker, WatchdogRuns


def simulate(stage: Stage, traffic: Traffic, conditions: Conditions) -> Outcome:
    """Simulates a stage under a traffic.

    It begins as it is without requests: with MinCapacity instances, which scheduled actions may have set, or with the
    initial ones of an endpoint that is not scaled.

    Raises:
        PlanError: The stage does not say how many requests an instance processes, or its scaling cannot be simulated.
    """
    return Simulation(stage, traffic, conditions).run()


@dataclass
class _Progress:
    """What the loop counts."""

    idle_minutes: int = 0
    longest_wake: float = 0.0
    worked: bool = False
    settled: int = -1  # so many changes of the variant has the autoscaler seen come to their end
    in_service: list[tuple[float, int]] = field(default_factory=list)


class _VirtualClock:
    """A clock that is set; full minutes stay exact, because they are never summed up."""

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch
        self.offset = 0.0

    def now(self) -> float:
        """Returns seconds since the epoch."""
        return self._epoch + self.offset


class Simulation:
    """One simulation; `simulate` runs it.

    Args:
        stage: The stage.
        traffic: The arrivals.
        conditions: The durations and the open questions.
        skips: Whether the autoscaler is left alone in minutes in which it would do nothing.

    Raises:
        PlanError: See `simulate`.
    """

    def __init__(self, stage: Stage, traffic: Traffic, conditions: Conditions, *, skips: bool = True) -> None:
        concurrency = conditions.concurrency or stage.concurrency
        if not concurrency:
            raise PlanError(
                f"endpoint {stage.endpoint_name} leaves it to SageMaker how many requests an instance processes at a "
                "time: name a number."
            )
        if stage.scaling is not None:
            stage = replace(stage, scaling=as_scheduled_by(stage.scaling, traffic.begins_at))
        self._traffic, self._conditions, self._skips = traffic, conditions, skips
        source = random.Random(conditions.seed)  # noqa: S311 - a simulation
        services = conditions.service.draw_many(len(traffic.arrivals), source)
        # With admission, documents wait in the jobs table, where they do not expire.
        ttl = math.inf if stage.admission else float(stage.request_ttl_seconds)
        self._requests = Requests(traffic.arrivals, services, ttl)
        self._clock = _VirtualClock(traffic.begins_at)
        self._variant = Variant(self._requests, concurrency, conditions.start, source, self._now)
        self._variant.begin_with(stage.scaling.minimum if stage.scaling else stage.initial_instances)
        self._progress = _Progress(in_service=[(0.0, self._variant.in_service)])
        self._scaling: StageScaling | None = None
        self._publisher: MetricPublisher | None = None
        self._waker: Waker | None = None
        self._watchdog: WatchdogRuns | None = None
        if stage.scaling is not None:
            self._set_up_scaling(stage)

    def run(self) -> Outcome:
        """Runs the traffic; returns what came of it."""
        minute, end = 0.0, self._traffic.seconds
        if self._scaling is None:
            self._requests.run(end)
            return self._outcome(end)
        while minute < end:
            self._pass_minute(minute, self._scaling)
            minute = self._skip(minute + MINUTE)
        return self._outcome(end)

    def history(self) -> History:
        """Returns what happened over time, after `run`; it shares the arrays of the simulation."""
        requests, variant = self._requests, self._variant
        return History(
            begins_at=self._traffic.begins_at,
            seconds=self._traffic.seconds,
            is_dated=self._traffic.is_dated,
            arrivals=requests.arrivals,
            left=requests.left,
            expired=requests.expired,
            desired=((0.0, variant.first), *variant.changes),
            in_service=tuple(variant.service_changes),
        )

    def _set_up_scaling(self, stage: Stage) -> None:
        traffic, conditions, requests = self._traffic, self._conditions, self._requests
        delivery = conditions.delivery()
        store = MetricStore(delivery=delivery)
        scaling = StageScaling(stage, self._clock, store, self._variant, rules=conditions.rules)
        self._scaling = scaling
        self._publisher = MetricPublisher(
            stage, requests, store, keys=scaling.keys, conditions=conditions, epoch=traffic.begins_at
        )
        # All that an alarm may still look at, and then some.
        span = scaling.longest_span + (conditions.rules.extra_datapoints + 1) * MINUTE + conditions.metric_delay.longest
        self._span_minutes = math.ceil(span / MINUTE) + 1
        if stage.wake is not None:
            self._waker = Waker(
                stage.wake, self._variant, requests, stage.endpoint_name, store, traffic.begins_at,
                conditions.intake_seconds, scaling.bounds, scaling.forget,
            )  # fmt: skip
        if stage.watchdog is not None:
            self._watchdog = WatchdogRuns(stage.watchdog, self._variant, scaling.bounds)

    def _now(self) -> float:
        return self._clock.offset

    def _pass_minute(self, begin: float, scaling: StageScaling) -> None:
        requests, variant, progress = self._requests, self._variant, self._progress
        was_in_work, first, first_expired = requests.in_work, len(requests.left), len(requests.expired)
        end = begin + MINUTE
        for moment in self._moments(begin, end):
            requests.run(moment)
            self._clock.offset = moment
            before = variant.in_service
            variant.come_up(moment)
            self._note_service(moment, before)
            if self._waker is not None and moment < end and self._attempt_at == moment:
                self._waker.attempt(moment)
        minute = Minute(begin, progress.in_service, was_in_work, first, first_expired, requests.take_ended(end))
        if self._publisher is not None:
            self._publisher.publish(minute)
        progress.worked |= bool(was_in_work or minute.ended or len(requests.left) > first or requests.waiting(end))
        wanted = variant.wanted
        if self._watchdog is not None and end % WATCHDOG_SECONDS == 0:
            self._watchdog.look(end, worked=progress.worked)
            progress.worked = False
        self._tick(scaling)
        if self._waker is not None and wanted and not variant.wanted:
            self._waker.went_to_sleep(end)
        progress.in_service = [(end, variant.in_service)]
        self._count_idle_minute(end)

    def _tick(self, scaling: StageScaling) -> None:
        variant, changes = self._variant, len(self._variant.changes)
        settled = self._skips and changes == self._progress.settled and not variant.is_updating("")
        if scaling.tick(int(self._clock.now()), settled=settled):
            self._progress.settled = -1 if variant.is_updating("") else len(variant.changes)

    def _moments(self, begin: float, end: float) -> Iterator[float]:
        """Yields the moments of a minute at which something changes beside the requests, and its end."""
        at = math.nextafter(begin, -math.inf)
        while at < end:
            self._attempt_at = math.inf if self._waker is None else self._waker.next_attempt(at)
            at = min(end, self._variant.next_ready, self._attempt_at)
            yield at

    def _note_service(self, at: float, before: int) -> None:
        """Notes a change of the instances that serve, and the end of a wake."""
        progress, count = self._progress, self._variant.in_service
        if count == before:
            return
        progress.in_service.append((at, count))
        if not before and self._requests.waiting(at):
            progress.longest_wake = max(progress.longest_wake, at - self._requests.oldest)

    def _count_idle_minute(self, at: float) -> None:
        progress, variant = self._progress, self._variant
        # At the minimum nothing more is taken away, whatever alarm lasts.
        rests = self._scaling is not None and variant.wanted == self._scaling.bounds()[0]
        rests = rests and not variant.is_updating("") and self._requests.is_idle and not self._requests.waiting(at)
        progress.idle_minutes = progress.idle_minutes + 1 if rests else 0

    def _skip(self, minute: float) -> float:
        """Returns the minute at which the simulation continues: this one, or the next at which something can happen."""
        if not self._skips or self._progress.idle_minutes < self._span_minutes:
            return minute
        event = min(self._requests.next_arrival(minute), self._next_schedule(minute), self._traffic.seconds)
        target = event // MINUTE * MINUTE
        if target <= minute or self._publisher is None or self._scaling is None:
            return minute
        # What the alarms look at when the engine runs again.
        for begin in range(int(max(minute, target - self._span_minutes * MINUTE)), int(target), MINUTE):
            if in_service := self._variant.in_service:
                left, expired = len(self._requests.left), len(self._requests.expired)
                self._publisher.publish(Minute(float(begin), [(0.0, in_service)], 0, left, expired, ()))
            else:
                self._publisher.publish_sleep(float(begin))
        self._clock.offset = target
        self._scaling.scaler.skip()
        self._progress.in_service = [(target, self._variant.in_service)]
        return target

    def _next_schedule(self, after: float) -> float:
        """Returns the beginning of the minute that ends when the next scheduled action is due; infinity without one."""
        if self._scaling is None or not self._scaling.schedules:
            return math.inf
        epoch = int(self._traffic.begins_at)
        for due in range(int(after) + MINUTE, int(self._traffic.seconds) + 1, MINUTE):
            if any(each.is_due(epoch + due, epoch) for each in self._scaling.schedules):
                return float(due - MINUTE)
        return math.inf

    def _outcome(self, end: float) -> Outcome:
        requests, variant = self._requests, self._variant
        expired = set(requests.expired)
        pairs = zip(requests.arrivals, requests.left, strict=False)
        waits = array(
            "d",
            (left - arrival for index, (arrival, left) in enumerate(pairs) if index not in expired)
            if expired
            else (left - arrival for arrival, left in pairs),
        )
        counts = [variant.first, *(count for _, count in variant.changes)]
        return Outcome(
            seconds=end,
            requests=len(requests.arrivals),
            waits=waits,
            services=requests.services_of_processed(),
            expired=len(requests.expired),
            unfinished=len(requests.arrivals) - len(requests.left),
            instance_seconds=variant.total_instance_seconds(end),
            asleep_seconds=variant.total_asleep_seconds(end),
            wakes=sum(count > 0 and not before for before, count in itertools.pairwise(counts)),
            longest_wake=self._progress.longest_wake,
            cut_off=variant.cut_off,
            changes=tuple(variant.changes),
            unknown_metrics=tuple(sorted({key.name for key in self._publisher.unknown})) if self._publisher else (),
        )
