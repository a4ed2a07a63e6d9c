"""Alarms and scaling policies as pure logic on an injected clock: one autoscaler for every caller.

`AutoScaler` is the whole; `MetricStore` is what it reads, `CapacityPort` what it changes, and a `Clock` drives it.
"""

from async_endpoint.autoscaling.arns import Identity, counted_ids, is_policy_arn
from async_endpoint.autoscaling.autoscaler import AutoScaler
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.policies import StepScalingPolicy, TargetTrackingPolicy
from async_endpoint.clock import Clock, ManualClock, SystemClock
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
from async_endpoint.cloudwatch.metrics import Datapoint, MetricKey, MetricStore
from async_endpoint.cloudwatch.queries import MetricQuery, StatisticQuery
from async_endpoint.cloudwatch.watched_alarms import AlarmListener

__all__ = [
    "AlarmListener",
    "AutoScaler",
    "CapacityError",
    "CapacityPort",
    "Clock",
    "Datapoint",
    "DelayRange",
    "Delayed",
    "Delivery",
    "Evaluation",
    "EvaluationRules",
    "Identity",
    "InvalidNextTokenException",
    "LimitExceededException",
    "ManualClock",
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
    "StepScalingPolicy",
    "SystemClock",
    "TargetTrackingPolicy",
    "ValidationException",
    "counted_ids",
    "evaluate",
    "is_policy_arn",
]
