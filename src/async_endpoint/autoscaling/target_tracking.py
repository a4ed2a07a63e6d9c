"""Target tracking: keep a metric at a value, by two alarms that the policy makes for itself.

Source of the rules: Application Auto Scaling user guide, "How target tracking scaling works".
"""

import math
from dataclasses import dataclass
from typing import Self

from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.alarms import MetricAlarm
from async_endpoint.cloudwatch.errors import ValidationException
from async_endpoint.cloudwatch.members import Members
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.metrics import STATISTICS
from async_endpoint.cloudwatch.queries import MathQuery, StatisticQuery

# The default for SageMaker's endpoint variants.
DEFAULT_COOLDOWN = 300
# The alarms are fixed: out after three minutes above the target, in after fifteen below nine tenths of it.
HIGH_PERIODS = 3
LOW_PERIODS = 15
LOW_SHARE = 0.9
# Decimals kept before rounding up, so that 3 x 0.1 / 0.1 makes 3 instances, not 4.
_DECIMALS = 9

_PREDEFINED = "SageMakerVariantInvocationsPerInstance"
# What names one metric in a CustomizedMetricSpecification, where Metrics does not.
_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")


@dataclass(frozen=True)
class TargetTrackingPolicy:
    """A TargetTrackingScalingPolicyConfiguration; the cooldowns are in seconds.

    What the request left out is None, and its default applies on use.
    """

    target: float
    query: StatisticQuery | MathQuery
    predefined_metric: str | None = None
    scale_out_cooldown: int | None = None
    scale_in_cooldown: int | None = None
    disable_scale_in: bool | None = None

    policy_type = "TargetTrackingScaling"

    @classmethod
    def from_properties(cls, configuration: Members, target: TargetKey) -> Self:
        """Build a policy from TargetTrackingScalingPolicyConfiguration's members, whose numbers may be text.

        Raises:
            ValidationException: a member is missing or wrong, or asks for a metric that is not evaluated here.
        """
        value = members.number(configuration, "TargetValue")
        if value <= 0:
            raise ValidationException(f"TargetValue must be greater than 0, not {value}.")
        customized = members.optional_structure(configuration, "CustomizedMetricSpecification")
        predefined = members.optional_structure(configuration, "PredefinedMetricSpecification")
        if (customized is None) == (predefined is None):
            raise ValidationException(
                "Exactly one of CustomizedMetricSpecification and PredefinedMetricSpecification must be specified."
            )
        name = None if predefined is None else members.text(predefined, "PredefinedMetricType")
        return cls(
            target=value,
            query=_predefined(name, target) if customized is None else _customized(customized),
            predefined_metric=name,
            scale_out_cooldown=members.optional_whole(configuration, "ScaleOutCooldown", least=0),
            scale_in_cooldown=members.optional_whole(configuration, "ScaleInCooldown", least=0),
            disable_scale_in=members.optional_flag(configuration, "DisableScaleIn"),
        )

    @property
    def specification(self) -> tuple[object, ...]:
        """Return what makes two policies' metric specifications the same one."""
        if self.predefined_metric is not None:
            return (self.predefined_metric,)
        return self.query.identity

    def alarms(self, target: TargetKey, policy_arn: str, high_id: str, low_id: str) -> tuple[MetricAlarm, MetricAlarm]:
        """Return AlarmHigh and AlarmLow, named as AWS names them, each with this policy as its one action."""
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
        """Return the capacity that would bring the newest value of the metric to the target.

        The metric falls as capacity rises, so ceil(capacity x metric / target); at zero instances the metric stands
        for the whole load, so ceil(metric / target). AWS publishes no formula: this is the accepted reading, and the
        one place that knows it.
        """
        return math.ceil(round(max(capacity, 1) * metric / self.target, _DECIMALS))

    def cooldown_after(self, *, outwards: bool) -> int:
        """Return the seconds of cooldown after a change in a direction."""
        cooldown = self.scale_out_cooldown if outwards else self.scale_in_cooldown
        return DEFAULT_COOLDOWN if cooldown is None else cooldown

    def describe(self) -> dict[str, object]:
        """Return the policy as a TargetTrackingScalingPolicyConfiguration, with the members that were given."""
        described = members.given(
            {
                "TargetValue": self.target,
                "ScaleOutCooldown": self.scale_out_cooldown,
                "ScaleInCooldown": self.scale_in_cooldown,
                "DisableScaleIn": self.disable_scale_in,
            }
        )
        if self.predefined_metric is not None:
            return described | {"PredefinedMetricSpecification": {"PredefinedMetricType": self.predefined_metric}}
        return described | {"CustomizedMetricSpecification": _described(self.query)}


def _customized(specification: Members) -> StatisticQuery | MathQuery:
    queries = members.structures(specification, "Metrics")
    if queries:
        for name in _ONE_METRIC:
            if specification.get(name):
                raise ValidationException(
                    f"{name} and Metrics cannot stand in one CustomizedMetricSpecification: give one of the two."
                )
        return MathQuery.from_members(tuple(_by_the_minute(query) for query in queries))
    return StatisticQuery(
        namespace=members.text(specification, "Namespace"),
        metric_name=members.text(specification, "MetricName"),
        dimensions=members.dimensions(specification),
        statistic=members.one_of(specification, "Statistic", STATISTICS),
        period=MINUTE,
        unit=members.optional_text(specification, "Unit"),
    )


def _by_the_minute(query: Members) -> Members:
    """Return a policy's query, which has no period, as one of its alarms, which need it."""
    stat = members.optional_structure(query, "MetricStat")
    read = {
        "MetricStat": None if stat is None else {**stat, "Period": MINUTE},
        "ReturnData": members.optional_flag(query, "ReturnData"),
    }
    return {**query, **members.given(read)}


def _described(query: StatisticQuery | MathQuery) -> dict[str, object]:
    """Return a query as a CustomizedMetricSpecification, which knows no period."""
    if isinstance(query, MathQuery):
        return {"Metrics": [_without_period(each) for each in query.given]}
    specification = query.describe()
    del specification["Period"]
    if not query.dimensions:
        del specification["Dimensions"]
    return specification


def _without_period(query: Members) -> Members:
    stat = members.optional_structure(query, "MetricStat")
    if stat is None:
        return dict(query)
    return {**query, "MetricStat": {name: value for name, value in stat.items() if name != "Period"}}


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
