"""A metric alarm: what PutMetricAlarm and AWS::CloudWatch::Alarm say of it."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.errors import ValidationException
from async_endpoint.cloudwatch.members import Members
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.queries import MetricQuery, query_from_properties

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")


@dataclass(frozen=True)
class MetricAlarm:
    """One alarm's settings. `datapoints_to_alarm` is None where the request left it out (then all must breach)."""

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
    def from_properties(cls, properties: Members) -> Self:
        """Build an alarm from PutMetricAlarm's members or a template's properties, which share their names.

        Numbers and booleans may be text. A template may leave AlarmName out; the caller then gives the generated one.

        Raises:
            ValidationException: a member is missing or wrong, or asks for what is not evaluated here.
        """
        alarm = cls(
            name=members.text(properties, "AlarmName"),
            query=query_from_properties(properties),
            comparison_operator=members.one_of(properties, "ComparisonOperator", tuple(_COMPARISONS)),
            threshold=members.number(properties, "Threshold"),
            evaluation_periods=members.whole(properties, "EvaluationPeriods", least=1),
            datapoints_to_alarm=members.optional_whole(properties, "DatapointsToAlarm", least=1),
            treat_missing_data=members.one_of(properties, "TreatMissingData", _MISSING_DATA, default="missing"),
            description=members.optional_text(properties, "AlarmDescription"),
            actions_enabled=members.flag(properties, "ActionsEnabled", default=True),
            alarm_actions=members.texts(properties, "AlarmActions"),
            ok_actions=members.texts(properties, "OKActions"),
            insufficient_data_actions=members.texts(properties, "InsufficientDataActions"),
        )
        alarm._check_extent()
        return alarm

    @property
    def required_datapoints(self) -> int:
        """Return how many of the evaluated datapoints must breach: the M of "M out of N"."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def evaluation_interval(self) -> int:
        """Return the seconds between two evaluations: a minute, or an hour when the alarm spans more than a day."""
        return HOUR if self.evaluation_periods * self.query.period > DAY else MINUTE

    @property
    def breaches_above(self) -> bool:
        """Tell whether values above the threshold breach it, rather than values below."""
        return self.comparison_operator.startswith("Greater")

    def breaches(self, value: float) -> bool:
        """Tell whether a value breaches the threshold."""
        return _COMPARISONS[self.comparison_operator](value, self.threshold)

    def actions_in(self, state: State) -> tuple[str, ...]:
        """Return the ARNs that are invoked in a state; none when the alarm's actions are switched off."""
        if not self.actions_enabled:
            return ()
        return {
            "ALARM": self.alarm_actions,
            "OK": self.ok_actions,
            "INSUFFICIENT_DATA": self.insufficient_data_actions,
        }[state]

    def describe(self) -> dict[str, object]:
        """Return the settings as members of DescribeAlarms, without name's ARN and state."""
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

    def _check_extent(self) -> None:
        """Hold the alarm to PutMetricAlarm's limits on Period x EvaluationPeriods and on M of N."""
        if self.required_datapoints > self.evaluation_periods:
            raise ValidationException(
                f"DatapointsToAlarm ({self.required_datapoints}) must be less than or equal to "
                f"EvaluationPeriods ({self.evaluation_periods})"
            )
        if message := longest_check(self.evaluation_periods, self.query.period):
            raise ValidationException(message)


def longest_check(evaluation_periods: int, period: int) -> str | None:
    """Return why an alarm looks back too far, or None: a day at most, seven with periods of an hour or longer."""
    limit = DAY if period < HOUR else 7 * DAY
    if evaluation_periods * period <= limit:
        return None
    return (
        f"Metrics cannot be checked across more than {'a day' if limit == DAY else 'seven days'} "
        f"(EvaluationPeriods * Period must be <= {limit})."
    )
