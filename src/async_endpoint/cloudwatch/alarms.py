"""A metric alarm: its settings, as PutMetricAlarm takes them."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from async_endpoint.cloudwatch.alarm_rules import DAY, HOUR, OTHER_KINDS, broken_rule
from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.metrics import STATISTICS
from async_endpoint.cloudwatch.queries import MetricQuery, query_from_members

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# Members that CloudWatch accepts and that are not evaluated here, with what to give instead.
_NOT_EVALUATED = {
    "ExtendedStatistic": f"percentiles are not kept here: take one of {', '.join(STATISTICS)} as Statistic",
    "ThresholdMetricId": "anomaly detection bands are not evaluated here: give a Threshold",
    **dict.fromkeys(OTHER_KINDS, "only alarms on metrics are evaluated here"),
}


@dataclass(frozen=True)
class MetricAlarm:
    """One alarm's settings. `datapoints_to_alarm` is None if the request leaves it out: then all must breach."""

    name: str
    query: MetricQuery
    comparison_operator: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int | None = None
    treat_missing_data: str = "missing"
    description: str | None = None
    actions_enabled: bool = True
    alarm_actions: tuple[str, ...] = ()
    ok_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> Self:
        """Builds an alarm from PutMetricAlarm's members, valid and typed by the API's model.

        Raises:
            ValidationError: The alarm breaks a rule of CloudWatch, or needs what is not evaluated here.
        """
        if message := broken_rule(members):
            raise ValidationError(message)
        for name, instead in _NOT_EVALUATED.items():
            if members.get(name):
                raise ValidationError(f"The alarm's {name} cannot be used: {instead}.")
        if members["ComparisonOperator"] not in _COMPARISONS:
            raise ValidationError(
                f"The alarm's ComparisonOperator {members['ComparisonOperator']} cannot be used: anomaly detection "
                f"bands are not evaluated here: take one of {', '.join(_COMPARISONS)}."
            )
        return cls(
            name=members["AlarmName"],
            query=query_from_members(members),
            comparison_operator=members["ComparisonOperator"],
            threshold=float(members["Threshold"]),
            evaluation_periods=members["EvaluationPeriods"],
            datapoints_to_alarm=members.get("DatapointsToAlarm"),
            treat_missing_data=members.get("TreatMissingData", "missing"),
            description=members.get("AlarmDescription"),
            actions_enabled=members.get("ActionsEnabled", True),
            alarm_actions=tuple(members.get("AlarmActions", ())),
            ok_actions=tuple(members.get("OKActions", ())),
            insufficient_data_actions=tuple(members.get("InsufficientDataActions", ())),
        )

    @property
    def required_datapoints(self) -> int:
        """Returns how many of the evaluated datapoints must breach: the M of "M out of N"."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def evaluation_interval(self) -> int:
        """Returns the seconds between two evaluations: a minute, or an hour when the alarm spans more than a day."""
        return HOUR if self.evaluation_periods * self.query.period > DAY else MINUTE

    @property
    def breaches_above(self) -> bool:
        """Returns whether values above the threshold breach, rather than values below."""
        return self.comparison_operator.startswith("Greater")

    def breaches(self, value: float) -> bool:
        """Returns whether a value breaches the threshold."""
        return _COMPARISONS[self.comparison_operator](value, self.threshold)

    def actions_in(self, state: State) -> tuple[str, ...]:
        """Returns the ARNs that are invoked in a state; none when the alarm's actions are disabled."""
        if not self.actions_enabled:
            return ()
        return {
            "ALARM": self.alarm_actions,
            "OK": self.ok_actions,
            "INSUFFICIENT_DATA": self.insufficient_data_actions,
        }[state]

    def describe(self) -> dict[str, object]:
        """Returns the settings as members of DescribeAlarms, without ARN and state."""
        described: dict[str, object] = {
            "AlarmName": self.name,
            "ActionsEnabled": self.actions_enabled,
            "OKActions": list(self.ok_actions),
            "AlarmActions": list(self.alarm_actions),
            "InsufficientDataActions": list(self.insufficient_data_actions),
            "EvaluationPeriods": self.evaluation_periods,
            "Threshold": self.threshold,
            "ComparisonOperator": self.comparison_operator,
            "TreatMissingData": self.treat_missing_data,
        } | self.query.describe()
        if self.datapoints_to_alarm is not None:
            described["DatapointsToAlarm"] = self.datapoints_to_alarm
        if self.description is not None:
            described["AlarmDescription"] = self.description
        return described
