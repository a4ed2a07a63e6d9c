"""Alarms that tolerate late datapoints, and alarms that notify a topic."""

import math

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic

# SageMaker's one-minute metrics were observed one to three minutes late, each publisher with its own delay:
# docs/evidence.md. Alarms allow for twice that, plus a minute.
_LATE_SECONDS = 420


def late_periods(period_seconds: int) -> int:
    """Returns how many of the newest periods may still lack their datapoint: an alarm looks back that much further."""
    return math.ceil(_LATE_SECONDS / period_seconds)


class NotifyingAlarm(cloudwatch.Alarm):
    """An alarm that notifies a topic. Its description says what happened, what to do, and which runbook to read.

    It fires when `periods` of the newest periods are at `threshold` or above, and looks back further than that, so that
    datapoints may be late. Missing data do not breach: most of these metrics exist only while there is work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metric: cloudwatch.Metric | cloudwatch.MathExpression,
        threshold: float,
        periods: int = 1,
        description: str,
        runbook: str,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            alarm_description=f"{description} Runbook: {topic.runbook(runbook)}",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=threshold,
            evaluation_periods=periods + late_periods(int(metric.period.to_seconds())),
            datapoints_to_alarm=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))
