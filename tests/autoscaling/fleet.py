"""A fleet of one endpoint variant on a clock that moves by hand, and the members of the documented recipe."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from async_endpoint.autoscaling import AutoScaler, CapacityError, TargetKey
from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch import Delivery, EvaluationRules, MetricAlarm, MetricKey, MetricStore

START = 1_800_000_000.0  # a full minute: 15 January 2027, 08:00 UTC
ENDPOINT, VARIANT = "reader", "main"
RESOURCE = f"endpoint/{ENDPOINT}/variant/{VARIANT}"
TARGET: dict[str, object] = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
DIMENSIONS = [{"Name": "EndpointName", "Value": ENDPOINT}]
WAITING = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", {"EndpointName": ENDPOINT})
PER_INSTANCE = MetricKey.from_dimensions(
    "AWS/SageMaker", "ApproximateBacklogSizePerInstance", {"EndpointName": ENDPOINT}
)
LOAD = MetricKey.from_dimensions("Tests", "Load")
OTHER = MetricKey.from_dimensions("Tests", "Other")
KEY = TargetKey(ENDPOINT, VARIANT)


class Endpoint:
    """A CapacityPort of one variant; `busy_for` seconds pass after each change before it is complete.

    While `trouble` is set, changes come to nothing for that reason: what ran before goes on; while it `is_short` of
    instances, without any reason. `in_service`, where it is set, are the instances that run whatever was asked for.
    """

    def __init__(self, clock: ManualClock, count: int, busy_for: float = 0.0) -> None:
        self._clock = clock
        self._before = count
        self.count = count
        self.busy_for = busy_for
        self.busy_until = clock.now()
        self.changes: list[tuple[float, int]] = []
        self.refusal: str | None = None
        self.trouble: str | None = None
        self.is_short = False
        self.in_service: int | None = None
        self.exists = True

    def desired(self, resource_id: str) -> int:
        self._check(resource_id)
        if self._gives_up and self.in_service is None and not self.is_updating(resource_id):
            return self.running(resource_id)  # no more is wanted than what has come up
        return self.count

    def set_desired(self, resource_id: str, capacity: int) -> None:
        self._check(resource_id)
        if self.refusal:
            raise CapacityError(self.refusal)
        self._before, self.count = self.running(resource_id), capacity
        self.busy_until = self._clock.now() + self.busy_for
        self.changes.append((self._clock.now() - START, capacity))

    def is_updating(self, resource_id: str) -> bool:
        self._check(resource_id)
        return self._clock.now() < self.busy_until

    def running(self, resource_id: str) -> int:
        self._check(resource_id)
        if self.in_service is not None:
            return self.in_service
        return self._before if self._gives_up or self._clock.now() < self.busy_until else self.count

    def failure(self, resource_id: str) -> str | None:
        self._check(resource_id)
        return self.trouble

    @property
    def _gives_up(self) -> bool:
        return self.is_short or self.trouble is not None

    def _check(self, resource_id: str) -> None:
        if not self.exists or resource_id != RESOURCE:
            raise CapacityError(f"Could not find endpoint of {resource_id}.")


class Fleet:
    """Everything that is needed to watch one target being scaled."""

    def __init__(
        self,
        count: int = 0,
        least: int = 0,
        most: int = 5,
        busy_for: float = 0.0,
        delivery: Delivery | None = None,
        rules: EvaluationRules | None = None,
    ) -> None:
        self.clock = ManualClock(START)
        self.metrics = MetricStore(delivery=delivery)
        self.endpoint = Endpoint(self.clock, count, busy_for)
        self.transitions: list[tuple[float, str, str, str]] = []
        self.reasons: list[str] = []
        self.scaler = AutoScaler(self.clock, self.metrics, self.endpoint, on_alarm_state=self._note, rules=rules)
        self.scaler.register_scalable_target(**TARGET, MinCapacity=least, MaxCapacity=most)

    def _note(self, alarm: MetricAlarm, old: str, new: str, reason: str) -> None:
        self.reasons.append(reason)
        self.transitions.append((self.clock.now() - START, alarm.name, old, new))

    @property
    def since_start(self) -> float:
        return self.clock.now() - START

    def step_policy(self, name: str = "wake", steps: list[dict[str, object]] | None = None, **members: object) -> str:
        configuration: dict[str, object] = {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": steps or [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        }
        answer = self.scaler.put_scaling_policy(
            **TARGET,
            PolicyName=name,
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration=configuration | members,
        )
        return str(answer["PolicyARN"])

    def tracking_policy(
        self, name: str = "track", target: float = 5, key: MetricKey = PER_INSTANCE, **members: object
    ) -> str:
        configuration: dict[str, object] = {
            "TargetValue": target,
            "CustomizedMetricSpecification": {
                "Namespace": key.namespace,
                "MetricName": key.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
                "Statistic": "Average",
            },
        }
        answer = self.scaler.put_scaling_policy(
            **TARGET,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration | members,
        )
        return str(answer["PolicyARN"])

    def alarm(self, name: str, key: MetricKey, action: str | None = None, **members: object) -> None:
        """Put an alarm: Average of one minute >= 1, once, unless `members` say otherwise."""
        properties: dict[str, object] = {
            "AlarmName": name,
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "AlarmActions": [action] if action else [],
        }
        self.scaler.put_alarm(MetricAlarm.from_members(properties | members))

    def set_off(self, alarm: str, values: Sequence[float]) -> None:
        """Set an alarm to ALARM, by values and whatever it was before, as a client does."""
        self.scaler.set_alarm_state(alarm, "OK", "before")
        data = json.dumps({"recentDatapoints": list(values)})
        self.scaler.set_alarm_state(alarm, "ALARM", "by hand", data)

    def recipe(self) -> None:
        """Put what the documentation recommends for an endpoint that sleeps at zero."""
        self.tracking_policy()
        self.alarm(
            "has-backlog",
            WAITING,
            self.step_policy(),
            EvaluationPeriods=2,
            DatapointsToAlarm=2,
            TreatMissingData="missing",
        )

    def run(self, seconds: int, publish: Callable[[float], Iterator[tuple[MetricKey, float]]], every: int = 1) -> None:
        """Pass time, publishing metrics before each tick; `publish` is asked with the seconds since the start."""
        for _ in range(0, seconds, every):
            for key, value in publish(self.since_start):
                self.metrics.put(key, value, self.clock.now())
            self.clock.advance(every)
            self.scaler.tick()

    def minutes(self, *values: float | None, key: MetricKey = LOAD) -> None:
        """Pass one minute for each value, which the metric has all that minute; None publishes nothing."""
        for value in values:
            if value is not None:
                self.metrics.put(key, value, self.clock.now())
            self.clock.advance(60)
            self.scaler.tick()

    def described(self, name: str) -> dict[str, Any]:
        (alarm,) = self.scaler.alarms([name])
        return alarm


def step(adjustment: int, lower: float | None = None, upper: float | None = None) -> dict[str, object]:
    """A StepAdjustment."""
    bounds = {"MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper}
    return {"ScalingAdjustment": adjustment} | {name: bound for name, bound in bounds.items() if bound is not None}


def scaling_both_ways(count: int) -> Fleet:
    """A fleet that LOAD scales out by one and OTHER scales in by one, each with a cooldown of five minutes."""
    fleet = Fleet(count=count)
    fleet.alarm("busy", LOAD, fleet.step_policy("out"))
    fleet.alarm("idle", OTHER, fleet.step_policy("in", [step(-1, 0)]))
    return fleet


def both(fleet: Fleet, *minutes: tuple[int, int]) -> None:
    """Passes a minute for each pair of values of LOAD and OTHER."""
    for load, other in minutes:
        fleet.metrics.put(OTHER, other, fleet.clock.now())
        fleet.minutes(load)
