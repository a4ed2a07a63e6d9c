"""Plays a recording to the autoscaler: the metrics as CloudWatch showed them, the count as it was asked for."""

import heapq
from dataclasses import dataclass, field
from typing import Any

from async_endpoint.autoscaling import AutoScaler, CapacityError
from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch import EvaluationRules, MetricAlarm, MetricKey, MetricStore
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.service_models import validated
from tests.conformance.recording import Point, Recording

START = 1_800_000_000.0  # a full minute: 15 January 2027, 08:00 UTC
RESOURCE = "endpoint/recorded/variant/AllTraffic"
TARGET: dict[str, object] = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TICK = 5.0  # seconds


def deliver(store: MetricStore, key: MetricKey, point: Point) -> None:
    """Put what CloudWatch shows from now on under the minute that it is of: the one place that knows of delays."""
    names = ("SampleCount", "Sum", "Minimum", "Maximum")
    values = (point.count, point.total, point.lowest, point.highest)
    store.put_statistics(key, dict(zip(names, values, strict=True)), START + point.at)


class Variant:
    """The capacity of the recorded variant: each change takes as long as the recorded activity did, in their order."""

    def __init__(self, clock: ManualClock, count: int, durations: list[float]) -> None:
        self._clock = clock
        self._durations = list(durations)
        self._before = self._count = count
        self._busy_until = clock.now()
        self.changes: list[tuple[float, int]] = []

    def desired(self, resource_id: str) -> int:
        self._check(resource_id)
        return self._count

    def set_desired(self, resource_id: str, capacity: int) -> None:
        self._check(resource_id)
        self._before, self._count = self._count, capacity
        self._busy_until = self._clock.now() + (self._durations.pop(0) if self._durations else 0.0)
        self.changes.append((self._clock.now() - START, capacity))

    def is_updating(self, resource_id: str) -> bool:
        self._check(resource_id)
        return self._clock.now() < self._busy_until

    def running(self, resource_id: str) -> int:
        return self._before if self.is_updating(resource_id) else self._count

    def failure(self, resource_id: str) -> str | None:
        self._check(resource_id)
        return None

    @staticmethod
    def _check(resource_id: str) -> None:
        if resource_id != RESOURCE:
            raise CapacityError(f"Could not find {resource_id}.")


@dataclass
class Outcome:
    """What the autoscaler made of it; times in seconds since the start."""

    changes: list[tuple[float, int]] = field(default_factory=list)
    states: list[tuple[float, str, str]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def states_of(self, alarm: str) -> list[tuple[float, str]]:
        return [(at, state) for at, name, state in self.states if name == alarm]


def replay(recording: Recording, late: float = 0.0, rules: EvaluationRules | None = None) -> Outcome:
    """Play a recording; `late` seconds more pass before each point is shown, and `rules` settle what is open."""
    clock, store, outcome = ManualClock(START), MetricStore(), Outcome()
    variant = Variant(clock, recording.instances_at_start, _durations(recording))

    def note(alarm: MetricAlarm, _old: str, new: str, _reason: str) -> None:
        outcome.states.append((clock.now() - START, alarm.name, new))

    scaler = AutoScaler(clock, store, variant, on_alarm_state=note, rules=rules)
    _set_up(scaler, recording)
    outcome.states.clear()
    shown = [
        (point.seen + late, number, key, point)
        for number, (key, point) in enumerate(_points(recording))
        if point.seen is not None
    ]
    heapq.heapify(shown)
    while (now := clock.now() - START) <= recording.seconds:
        while shown and shown[0][0] <= now:
            *_, key, point = heapq.heappop(shown)
            deliver(store, key, point)
        scaler.tick()
        clock.advance(TICK)
    outcome.changes = variant.changes
    outcome.activities = list(reversed(scaler.activities()))
    outcome.alarms = scaler.alarms()
    return outcome


def disagreements(recording: Recording, outcome: Outcome) -> list[str]:
    """Return a sentence for each recorded change that the replay lacks, has at another time, or has beside them."""
    told = [
        *_compare("the wanted count", [(at, int(count)) for at, count in recording.desired], outcome.changes, recording)
    ]
    for name in dict.fromkeys(name for _, name, _ in recording.alarm_states):
        recorded = [(at, state) for at, alarm, state in recording.alarm_states if alarm == name]
        told += _compare(f"alarm {name}", recorded, outcome.states_of(name), recording)
    return told


def _compare(what: str, recorded: list[Any], replayed: list[Any], recording: Recording) -> list[str]:
    if [value for _, value in recorded] != [value for _, value in replayed]:
        return [f"{what} was {recorded} and is {replayed} in the replay"]
    return [
        f"{what} became {value} at {at:g} s and does at {again:g} s in the replay"
        for (at, value), (again, _) in zip(recorded, replayed, strict=True)
        if abs(at - again) > recording.tolerance_seconds
    ]


def _set_up(scaler: AutoScaler, recording: Recording) -> None:
    least, most = recording.bounds
    scaler.register_scalable_target(**TARGET, MinCapacity=least, MaxCapacity=most)
    arns = {}
    for policy in recording.policies:
        request = validated("application-autoscaling", "PutScalingPolicy", {**TARGET, **policy})
        arns[policy["PolicyName"]] = scaler.put_scaling_policy(**request)["PolicyARN"]
    for alarm in recording.alarms:
        actions = [arns[name] for name in alarm.get("AlarmActions", ())]
        scaler.put_alarm(alarm_from_settings({**alarm, "AlarmActions": actions}))
        state: Any = recording.initial_states.get(alarm["AlarmName"], "INSUFFICIENT_DATA")
        # Without data the state of the start invokes nothing.
        scaler.set_alarm_state(alarm["AlarmName"], state, "as it was when the recording began")


def _points(recording: Recording) -> list[tuple[MetricKey, Point]]:
    return [
        (MetricKey.from_dimensions(series.namespace, series.name, series.dimensions), point)
        for series in recording.metrics
        for point in series.points
    ]


def _durations(recording: Recording) -> list[float]:
    return [each["end"] - each["start"] for each in recording.activities if each.get("end") is not None]
