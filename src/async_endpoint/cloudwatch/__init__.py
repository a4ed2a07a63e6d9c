"""CloudWatch: metrics with their delivery delay, metric math and alarms. Pure logic; the clock is handed in.

`MetricStore` holds datapoints, `Delivery` decides when each can be seen, and `evaluate` judges a `MetricAlarm`.
"""

from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.delivery import Delayed, DelayRange, Delivery, Publisher, Punctual
from async_endpoint.cloudwatch.errors import (
    CapacityError,
    InvalidNextTokenException,
    LimitExceededException,
    ObjectNotFoundException,
    ScalingError,
    ValidationException,
)
from async_endpoint.cloudwatch.evaluation import Evaluation, evaluate
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.cloudwatch.metrics import Datapoint, MetricStore
from async_endpoint.cloudwatch.queries import MetricQuery, StatisticQuery
from async_endpoint.cloudwatch.watched_alarms import AlarmListener

__all__ = [
    "AlarmListener",
    "CapacityError",
    "Datapoint",
    "DelayRange",
    "Delayed",
    "Delivery",
    "Evaluation",
    "EvaluationRules",
    "InvalidNextTokenException",
    "LimitExceededException",
    "MetricAlarm",
    "MetricKey",
    "MetricQuery",
    "MetricStore",
    "ObjectNotFoundException",
    "Publisher",
    "Punctual",
    "ScalingError",
    "State",
    "StatisticQuery",
    "ValidationException",
    "evaluate",
]
