"""What every alarm has in common: it may rest on no datapoint arriving on time; and what those have that notify."""

import math

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

_RUNBOOKS = "docs/operations.md"
# SageMaker's one-minute metrics have been seen one to three minutes late, and each publisher has a pace of its own:
# docs/evidence.md. Alarms allow for twice that, and a minute.
_LATE_SECONDS = 420


def late_periods(period_seconds: int) -> int:
    """How many of the newest periods may be without their datapoint yet: an alarm looks back further by as many."""
    return math.ceil(_LATE_SECONDS / period_seconds)


class NotifyingAlarm(cloudwatch.Alarm):
    """An alarm that notifies the topic, and says what happened, what to do and which runbook has the details.

    It goes off when `periods` of the newest periods are at `threshold` or above. It looks back further than that, so
    that datapoints may be late. Without data there is nothing wrong: most of these metrics are measured only while
    there is work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metric: cloudwatch.Metric | cloudwatch.MathExpression,
        threshold: float,
        periods: int = 1,
        told: str,
        runbook: str,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            alarm_description=f"{told} Runbook: {_RUNBOOKS}#{runbook}",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=threshold,
            evaluation_periods=periods + late_periods(int(metric.period.to_seconds())),
            datapoints_to_alarm=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))
