"""Application Auto Scaling for endpoint variants: targets, policies, schedules and the engine.

Pure logic; the clock is handed in. `AutoScaler` is the whole: it reads a `MetricStore` and changes capacity through a
`CapacityPort`.
"""

from async_endpoint.autoscaling.arns import ArnFactory, counted_ids, is_policy_arn
from async_endpoint.autoscaling.autoscaler import AutoScaler
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.policies import StepScalingPolicy, TargetTrackingPolicy

__all__ = [
    "ArnFactory",
    "AutoScaler",
    "CapacityPort",
    "StepScalingPolicy",
    "TargetTrackingPolicy",
    "counted_ids",
    "is_policy_arn",
]
