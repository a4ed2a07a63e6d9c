"""A stage's scalable target, policies, alarms and schedules, set up in an autoscaler as a deployment does it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from async_endpoint.autoscaling import NAMESPACE, AutoScaler, CapacityPort, ScalingError, TargetKey
from async_endpoint.autoscaling.schedules import Schedule
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch import (
    EvaluationRules,
    MathQuery,
    MetricAlarm,
    MetricKey,
    MetricQuery,
    MetricStore,
    StatisticQuery,
    ValidationError,
)
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.remembered import RememberedQuery, can_remember
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
        latest: Seconds from a minute's end after which none of its datapoints arrives any more.

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
        latest: float,
    ) -> None:
        if stage.scaling is None:
            raise PlanError(f"endpoint {stage.endpoint_name} has no scalable target.")
        self._key = TargetKey(stage.endpoint_name, stage.variant_name)
        self.scaler = AutoScaler(clock, store, port, rules=rules)
        self.alarms: list[MetricAlarm] = []
        self.schedules: list[Schedule] = []
        self._remembered: list[RememberedQuery] = []
        try:
            self._set_up(stage.scaling, latest)
        except (ScalingError, ValidationError) as error:
            raise PlanError(f"the scaling of endpoint {stage.endpoint_name} cannot be simulated: {error}") from error
        except (KeyError, TypeError) as error:
            raise PlanError(
                f"a policy or alarm of endpoint {stage.endpoint_name} lacks {error}, or has it in another form."
            ) from error

    @property
    def keys(self) -> set[MetricKey]:
        """The metrics that the alarms read."""
        return {key for alarm in self.alarms for key in _keys(alarm.query)}

    @property
    def longest_span(self) -> int:
        """The seconds that the alarm with the longest window looks back."""
        spans = (alarm.evaluation_periods * alarm.query.period for alarm in self.alarms)
        return max(spans, default=0)

    def bounds(self) -> tuple[int, int]:
        """Returns MinCapacity and MaxCapacity, which schedules change."""
        (target,) = self.scaler.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"]
        return target["MinCapacity"], target["MaxCapacity"]

    def forget(self) -> None:
        """Has the alarms read all of their windows again: data were put into minutes that had passed."""
        for query in self._remembered:
            query.forget()

    def _set_up(self, scaling: Scaling, latest: float) -> None:
        target = self._key.describe()
        self.scaler.register_scalable_target(**target, MinCapacity=scaling.minimum, MaxCapacity=scaling.maximum)
        arns = {
            name: self.scaler.put_scaling_policy(**target, **_typed(members))["PolicyARN"]
            for name, members in scaling.policies.items()
        }
        for each in scaling.alarms:
            members = _typed(each.members) | {"AlarmActions": [arns[name] for name in each.policies]}
            self.scaler.put_alarm(MetricAlarm.from_members(members))
        for action in scaling.schedules:
            self.scaler.put_scheduled_action(**target, **_typed(action))
            self.schedules.append(Schedule.from_expression(action["Schedule"], action.get("Timezone")))
        self.alarms = [MetricAlarm.from_members(each) for each in self.scaler.alarms()]
        for alarm in self.alarms:
            if can_remember(alarm.query):
                remembered = RememberedQuery(alarm.query, latest)
                self._remembered.append(remembered)
                self.scaler.put_alarm(dataclasses.replace(alarm, query=remembered))


def _keys(query: MetricQuery) -> set[MetricKey]:
    match query:
        case StatisticQuery():
            return {query.key}
        case MathQuery():
            return {each.key for each in query.statistics.values()}
        case _:
            return set()


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
