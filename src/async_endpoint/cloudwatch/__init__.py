"""CloudWatch: metrics with their delivery delay, metric math and alarms. Pure logic; the clock is passed in.

`MetricStore` holds datapoints, `Delivery` decides when each becomes visible, and `evaluate` evaluates a `MetricAlarm`.
"""

from async_endpoint.cloudwatch.alarm_reasons import recent_datapoints
from async_endpoint.cloudwatch.alarm_rules import broken_rule
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.delivery import LONGEST_DELAY, Delayed, DelayRange, Delivery, Publisher, Punctual
from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.cloudwatch.evaluation import Evaluation, evaluate
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metrics import RETENTION_SECONDS, STATISTICS, Datapoint, MetricStore
from async_endpoint.cloudwatch.queries import MathQuery, MetricQuery, StatisticQuery, dimension_pairs
from async_endpoint.cloudwatch.watched_alarms import AlarmListener, WatchedAlarms

__all__ = [
    "LONGEST_DELAY",
    "MINUTE",
    "RETENTION_SECONDS",
    "STATISTICS",
    "AlarmListener",
    "Datapoint",
    "DelayRange",
    "Delayed",
    "Delivery",
    "Evaluation",
    "EvaluationRules",
    "MathQuery",
    "MetricAlarm",
    "MetricKey",
    "MetricQuery",
    "MetricStore",
    "Publisher",
    "Punctual",
    "State",
    "StatisticQuery",
    "ValidationError",
    "WatchedAlarms",
    "broken_rule",
    "dimension_pairs",
    "evaluate",
    "recent_datapoints",
]
