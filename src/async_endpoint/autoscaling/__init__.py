"""Application Auto Scaling for endpoint variants: targets, policies, schedules and the engine.

Pure logic; the clock is passed in. `AutoScaler` is the whole: it reads a `MetricStore` and changes capacity through a
`CapacityPort`.
"""

from async_endpoint.autoscaling.arns import ArnFactory, counted_ids, is_policy_arn
from async_endpoint.autoscaling.autoscaler import AutoScaler
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.errors import (
    CapacityError,
    InvalidNextTokenException,
    LimitExceededException,
    ObjectNotFoundException,
    ScalingError,
    ValidationException,
)
from async_endpoint.autoscaling.instance_quota_codes import (
    INSTANCE_QUOTA_CODES,
    QUOTA_SERVICE_CODE,
    instance_quota_name,
)
from async_endpoint.autoscaling.policies import StepScalingPolicy, TargetTrackingPolicy
from async_endpoint.autoscaling.schedules import Schedule
from async_endpoint.autoscaling.targets import DIMENSION, NAMESPACE, ScalableTarget, TargetKey

__all__ = [
    "DIMENSION",
    "INSTANCE_QUOTA_CODES",
    "NAMESPACE",
    "QUOTA_SERVICE_CODE",
    "ArnFactory",
    "AutoScaler",
    "CapacityError",
    "CapacityPort",
    "InvalidNextTokenException",
    "LimitExceededException",
    "ObjectNotFoundException",
    "ScalableTarget",
    "ScalingError",
    "Schedule",
    "StepScalingPolicy",
    "TargetKey",
    "TargetTrackingPolicy",
    "ValidationException",
    "counted_ids",
    "instance_quota_name",
    "is_policy_arn",
]
