"""A stage's scalable target, policies, alarms and schedules, set up in an autoscaler as a deployment does it."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from async_endpoint.autoscaling import NAMESPACE, AutoScaler, CapacityPort, ScalingError, Schedule, TargetKey
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch import (
    EvaluationRules,
    MetricAlarm,
    MetricKey,
    MetricStore,
    State,
    ValidationError,
)
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.remembered import RememberedQuery, calm_until, can_remember, metrics_of
from async_endpoint.planner.template import Scaling, Stage

# The members whose values are numbers, which a template may have as text.
_WHOLE = ("Cooldown", "ScaleInCooldown", "ScaleOutCooldown", "ScalingAdjustment", "MinAdjustmentMagnitude", "Period",
          "EvaluationPeriods", "DatapointsToAlarm", "MinCapacity", "MaxCapacity")  # fmt: skip
_REAL = ("TargetValue", "Threshold", "MetricIntervalLowerBound", "MetricIntervalUpperBound")


class StageScaling:
    """The autoscaler of a stage.

    Attributes:
        scaler: The autoscaler.
        alarms: Every alarm that triggers a policy.
        schedules: When the scheduled actions are due.

    Args:
        stage: A stage with a scalable target.
        clock: AWS's clock.
        store: Where the alarms read.
        port: The variant.
        rules: How alarms are evaluated.

    Raises:
        PlanError: AWS would reject a part of it, or it is not simulated.
    """

    def __init__(
        self,
        stage: Stage,
        clock: Clock,
        store: MetricStore,
        port: CapacityPort,
        *,
        rules: EvaluationRules,
    ) -> None:
        if stage.scaling is None:
            raise PlanError(f"endpoint {stage.endpoint_name} has no scalable target.")
        self._key = TargetKey(stage.endpoint_name, stage.variant_name)
        self.scaler = AutoScaler(clock, store, port, on_alarm_state=self._note, rules=rules)
        self._created_at = clock.now()
        self._extra_datapoints = rules.extra_datapoints
        self.alarms: list[MetricAlarm] = []
        self.schedules: list[Schedule] = []
        self._remembered: dict[str, RememberedQuery] = {}  # by the alarm's name
        self._in_alarm: set[str] = set()
        self._grows: set[str] = set()  # target tracking's AlarmHigh
        self._shrinks: set[str] = set()  # alarms of step policies that only take instances away
        self._calm_until: dict[str, float] = {}
        self._port = port
        self._bounds: tuple[int, int] | None = None  # known until the autoscaler's next tick
        try:
            self._set_up(stage.scaling, rules)
            self._remember(store, rules)
        except (ScalingError, ValidationError) as error:
            raise PlanError(f"the scaling of endpoint {stage.endpoint_name} cannot be simulated: {error}") from error
        except (KeyError, TypeError) as error:
            raise PlanError(
                f"a policy or alarm of endpoint {stage.endpoint_name} lacks {error}, or has it in another form."
            ) from error

    @property
    def keys(self) -> set[MetricKey]:
        """The metrics that the alarms read."""
        return {key for alarm in self.alarms for key in metrics_of(alarm.query)}

    @property
    def longest_span(self) -> int:
        """The seconds that the alarm with the longest window looks back."""
        spans = (alarm.evaluation_periods * alarm.query.period for alarm in self.alarms)
        return max(spans, default=0)

    def bounds(self) -> tuple[int, int]:
        """Returns MinCapacity and MaxCapacity, which schedules change."""
        if self._bounds is None:
            (target,) = self.scaler.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"]
            self._bounds = target["MinCapacity"], target["MaxCapacity"]
        return self._bounds

    def forget(self) -> None:
        """Has the alarms read all of their windows again: data were put into minutes that had passed."""
        self._calm_until.clear()
        for query in self._remembered.values():
            query.forget()

    def tick(self, now: int, *, settled: bool) -> bool:
        """Ticks the autoscaler at a minute's boundary, in epoch seconds; returns whether it was necessary.

        It is not while no schedule is due, and each alarm is out of ALARM and cannot go off, or can only add to the
        maximum of instances: the autoscaler would evaluate the alarms and do nothing.

        Args:
            now: The minute's boundary.
            settled: Whether the autoscaler has seen every change of the variant come to its end.
        """
        if settled and not self._is_due(now) and all(self._is_calm(alarm, now) for alarm in self.alarms):
            self.scaler.skip()
            return False
        self.scaler.tick()
        self._bounds = None
        return True

    def _is_due(self, now: int) -> bool:
        return any(each.is_due(now, self._created_at) for each in self.schedules)

    def _is_calm(self, alarm: MetricAlarm, now: int) -> bool:
        """Returns whether an alarm changes nothing at a minute's boundary."""
        if alarm.name in self._grows and self._port.desired(self._key.resource_id) == self.bounds()[1]:
            return True
        if alarm.name in self._shrinks and self._port.desired(self._key.resource_id) <= self.bounds()[0]:
            return True
        if alarm.name in self._in_alarm or alarm.name not in self._remembered:
            return False
        if now > self._calm_until.get(alarm.name, -math.inf):
            query = self._remembered[alarm.name]
            self._calm_until[alarm.name] = calm_until(alarm, query, now, self._extra_datapoints)
        return now <= self._calm_until[alarm.name]

    def _note(self, alarm: MetricAlarm, old: State, new: State, reason: str) -> None:
        del old, reason
        (self._in_alarm.add if new == "ALARM" else self._in_alarm.discard)(alarm.name)

    def _set_up(self, scaling: Scaling, rules: EvaluationRules) -> None:
        target = self._key.describe()
        self.scaler.register_scalable_target(**target, MinCapacity=scaling.minimum, MaxCapacity=scaling.maximum)
        arns = {
            name: self.scaler.put_scaling_policy(**target, **_typed(members))["PolicyARN"]
            for name, members in scaling.policies.items()
        }
        for each in scaling.alarms:
            members = _typed(each.members) | {"AlarmActions": [arns[name] for name in each.policies]}
            alarm = MetricAlarm.from_members(members)
            self.scaler.put_alarm(alarm)
            # Its state at the next look must not depend on how it has been meanwhile.
            forgets = alarm.treat_missing_data != "ignore" and not rules.recovery_minutes
            if forgets and all(_only_shrinks(scaling.policies[name]) for name in each.policies):
                self._shrinks.add(alarm.name)
        self._drop_alarms_without_effect()
        for action in scaling.schedules:
            self.scaler.put_scheduled_action(**target, **_typed(action))
            self.schedules.append(Schedule.from_expression(action["Schedule"], action.get("Timezone")))
        self.alarms = [MetricAlarm.from_members(each) for each in self.scaler.alarms()]

    def _drop_alarms_without_effect(self) -> None:
        """Deletes AlarmLow of the policies that do not scale in, and notes each AlarmHigh."""
        described = self.scaler.describe_scaling_policies(ServiceNamespace=NAMESPACE)["ScalingPolicies"]
        for policy in described:
            configuration = policy.get("TargetTrackingScalingPolicyConfiguration")
            if configuration is None:
                continue
            names = [each["AlarmName"] for each in policy["Alarms"]]
            self._grows |= {name for name in names if "-AlarmHigh-" in name}
            if configuration.get("DisableScaleIn"):
                self.scaler.delete_alarms(name for name in names if "-AlarmLow-" in name)

    def _remember(self, store: MetricStore, rules: EvaluationRules) -> None:
        """Has the alarms remember their windows, those of the same query together."""
        counts = (alarm.evaluation_periods for alarm in self.alarms)
        most = max(counts, default=0) + rules.extra_datapoints
        for alarm in self.alarms:
            if not can_remember(alarm.query):
                continue
            known = (query for query in self._remembered.values() if query.describe() == alarm.query.describe())
            query = next(known, None) or RememberedQuery(alarm.query, store, most, rules)
            self._remembered[alarm.name] = query
            self.scaler.put_alarm(dataclasses.replace(alarm, query=query))


def _only_shrinks(policy: Mapping[str, Any]) -> bool:
    """Returns whether a policy never asks for more instances than there are."""
    configuration = policy.get("StepScalingPolicyConfiguration")
    if configuration is None:
        return False
    adjustments = [int(step["ScalingAdjustment"]) for step in configuration["StepAdjustments"]]
    exact = configuration["AdjustmentType"] == "ExactCapacity"
    return all(each <= 0 if exact else each < 0 for each in adjustments)


def _typed(members: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a template's members with numbers as the API has them."""
    return {name: _number(name, value) for name, value in members.items()}


def _number(name: str, value: Any) -> Any:
    match value:
        case dict():
            return _typed(value)
        case list():
            return [_typed(each) if isinstance(each, dict) else each for each in value]
        case str() if name in _WHOLE:
            return int(value)
        case str() if name in _REAL:
            return float(value)
        case _:
            return value
