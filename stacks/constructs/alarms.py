"""What every alarm that people get has in common."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

_RUNBOOKS = "docs/operations.md"


class TellingAlarm(cloudwatch.Alarm):
    """An alarm at `threshold` or above that tells the topic, and says what happened, what to do and where that stands.

    Without data there is nothing wrong: most of these metrics are measured only while there is work.
    """

    def __init__(  # noqa: PLR0913 - an alarm's own, each by its keyword
        self,
        scope: Construct,
        construct_id: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        periods: int = 1,
        datapoints: int | None = None,
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
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints or periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))
