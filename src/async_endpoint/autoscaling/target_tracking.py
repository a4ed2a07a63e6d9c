"""Target tracking: keeps a metric at a value, by two alarms that the policy creates for itself.

Source of the rules: Application Auto Scaling user guide, "How target tracking scaling works".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import ValidationException
from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.cloudwatch.alarms import MetricAlarm
from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.queries import MathQuery, StatisticQuery, dimension_pairs

# The default for SageMaker's endpoint variants.
DEFAULT_COOLDOWN = 300
# The alarms are fixed: scale out after 3 minutes above the target, in after 15 minutes below 90 % of it.
HIGH_PERIODS = 3
LOW_PERIODS = 15
LOW_SHARE = 0.9
# Decimals kept before rounding up, so that 3 x 0.1 / 0.1 makes 3 instances, not 4.
_DECIMALS = 9

_PREDEFINED = "SageMakerVariantInvocationsPerInstance"
# What names one metric in a CustomizedMetricSpecification, where Metrics does not.
_REQUIRED_OF_ONE_METRIC = ("Namespace", "MetricName", "Statistic")


@dataclass(frozen=True)
class TargetTrackingPolicy:
    """A TargetTrackingScalingPolicyConfiguration; the cooldowns are in seconds.

    A member that the request leaves out is None, and its default applies on use.
    """

    target: float
    query: StatisticQuery | MathQuery
    predefined_metric: str | None = None
    scale_out_cooldown: int | None = None
    scale_in_cooldown: int | None = None
    disable_scale_in: bool | None = None

    policy_type = "TargetTrackingScaling"

    @classmethod
    def from_members(cls, configuration: Mapping[str, Any], target: TargetKey) -> Self:
        """Builds a policy from TargetTrackingScalingPolicyConfiguration's members.

        Raises:
            ValidationException: A number is too small, members contradict each other, or the metric is not evaluated
                here.
        """
        value = float(configuration["TargetValue"])
        if value <= 0:
            raise ValidationException(f"TargetValue must be greater than 0, not {value}.")
        resource_limits.check_at_least(0, configuration, "ScaleOutCooldown", "ScaleInCooldown")
        customized = configuration.get("CustomizedMetricSpecification")
        predefined = configuration.get("PredefinedMetricSpecification")
        if (customized is None) == (predefined is None):
            raise ValidationException(
                "Exactly one of CustomizedMetricSpecification and PredefinedMetricSpecification must be specified."
            )
        name = None if predefined is None else predefined["PredefinedMetricType"]
        return cls(
            target=value,
            query=_predefined(name, target) if customized is None else _customized(customized),
            predefined_metric=name,
            scale_out_cooldown=configuration.get("ScaleOutCooldown"),
            scale_in_cooldown=configuration.get("ScaleInCooldown"),
            disable_scale_in=configuration.get("DisableScaleIn"),
        )

    @property
    def specification(self) -> tuple[object, ...]:
        """Returns what two policies with the same metric specification share."""
        if self.predefined_metric is not None:
            return (self.predefined_metric,)
        return self.query.identity

    def alarms(self, target: TargetKey, policy_arn: str, high_id: str, low_id: str) -> tuple[MetricAlarm, MetricAlarm]:
        """Returns AlarmHigh and AlarmLow, named as AWS does, each with this policy as its one action."""
        high = MetricAlarm(
            name=f"TargetTracking-{target.resource_id}-AlarmHigh-{high_id}",
            query=self.query,
            comparison_operator="GreaterThanThreshold",
            threshold=self.target,
            evaluation_periods=HIGH_PERIODS,
            description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
            alarm_actions=(policy_arn,),
        )
        low = MetricAlarm(
            name=f"TargetTracking-{target.resource_id}-AlarmLow-{low_id}",
            query=self.query,
            comparison_operator="LessThanThreshold",
            # Rounded as a person would write it: 0.9 x 5 is 4.5, 0.9 x 7 is 6.3 and not 6.3000000000000007.
            threshold=round(LOW_SHARE * self.target, _DECIMALS) or LOW_SHARE * self.target,
            evaluation_periods=LOW_PERIODS,
            description=high.description,
            alarm_actions=(policy_arn,),
        )
        return high, low

    def desired_capacity(self, capacity: int, metric: float) -> int:
        """Returns the capacity that would bring the newest value of the metric to the target.

        The metric falls as capacity rises, so ceil(capacity x metric / target); at zero instances the metric is the
        whole load, so ceil(metric / target). AWS publishes no formula: this is the accepted reading, and the only place
        that contains it.
        """
        return math.ceil(round(max(capacity, 1) * metric / self.target, _DECIMALS))

    def cooldown_after(self, *, outwards: bool) -> int:
        """Returns the seconds of cooldown after a change in a direction."""
        cooldown = self.scale_out_cooldown if outwards else self.scale_in_cooldown
        return DEFAULT_COOLDOWN if cooldown is None else cooldown

    def describe(self) -> dict[str, object]:
        """Returns the policy as a TargetTrackingScalingPolicyConfiguration, with the members that were given."""
        given = {
            "TargetValue": self.target,
            "ScaleOutCooldown": self.scale_out_cooldown,
            "ScaleInCooldown": self.scale_in_cooldown,
            "DisableScaleIn": self.disable_scale_in,
        }
        described: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        if self.predefined_metric is not None:
            return described | {"PredefinedMetricSpecification": {"PredefinedMetricType": self.predefined_metric}}
        return described | {"CustomizedMetricSpecification": _described(self.query)}


def _customized(specification: Mapping[str, Any]) -> StatisticQuery | MathQuery:
    if specification.get("Metrics"):
        return _math_query(specification)
    for name in _REQUIRED_OF_ONE_METRIC:
        if not specification.get(name):
            raise ValidationException(f"A CustomizedMetricSpecification without Metrics must have a {name}.")
    if specification.get("Unit") == "":
        raise ValidationException("The Unit of a CustomizedMetricSpecification must not be empty: name one or omit it.")
    try:
        dimensions = dimension_pairs(specification)
    except ValidationError as error:
        raise ValidationException(str(error)) from error
    return StatisticQuery(
        namespace=specification["Namespace"],
        metric_name=specification["MetricName"],
        dimensions=dimensions,
        statistic=specification["Statistic"],
        period=MINUTE,
        unit=specification.get("Unit"),
    )


def _math_query(specification: Mapping[str, Any]) -> MathQuery:
    for name in (*_REQUIRED_OF_ONE_METRIC, "Dimensions", "Unit"):
        if specification.get(name):
            raise ValidationException(
                f"{name} and Metrics cannot be in one CustomizedMetricSpecification: give one of the two."
            )
    try:
        return MathQuery.from_members([_by_the_minute(query) for query in specification["Metrics"]])
    except ValidationError as error:
        raise ValidationException(str(error)) from error


def _by_the_minute(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a policy's query, which has no period, as one of its alarms, which need a period."""
    if "MetricStat" not in query:
        return query
    return {**query, "MetricStat": {**query["MetricStat"], "Period": MINUTE}}


def _described(query: StatisticQuery | MathQuery) -> dict[str, object]:
    """Returns a query as a CustomizedMetricSpecification, which has no period."""
    if isinstance(query, MathQuery):
        return {"Metrics": [_without_period(each) for each in query.given]}
    specification = query.describe()
    del specification["Period"]
    if not query.dimensions:
        del specification["Dimensions"]
    return specification


def _without_period(query: Mapping[str, Any]) -> Mapping[str, Any]:
    if "MetricStat" not in query:
        return query
    stat = {name: value for name, value in query["MetricStat"].items() if name != "Period"}
    return {**query, "MetricStat": stat}


def _predefined(name: str | None, target: TargetKey) -> StatisticQuery:
    if name != _PREDEFINED:
        raise ValidationException(
            f"The predefined metric {name} is not evaluated here: take {_PREDEFINED}, "
            "or name the metric in a CustomizedMetricSpecification."
        )
    return StatisticQuery(
        namespace="AWS/SageMaker",
        metric_name="InvocationsPerInstance",
        dimensions=(("EndpointName", target.endpoint), ("VariantName", target.variant)),
        statistic="Sum",
    )
