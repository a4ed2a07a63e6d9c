"""Scaling by the queue: 0 … n instances, woken from 0 by an alarm.

Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html

L1 resources: the L2 step policy refuses a single step, and the L2 target adds a role that SageMaker does not use.
"""

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.settings import ScalingSettings

_NAMESPACE = "AWS/SageMaker"
_MINUTE = 60


class ScaleToZero(Construct):
    """Target tracking on the backlog of each instance, and one step from 0 to 1.

    At 0 instances a backlog per instance is no figure to track: hence the second policy and its alarm.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, endpoint: AsyncEndpoint, settings: ScalingSettings
    ) -> None:
        super().__init__(scope, construct_id)
        self._endpoint = endpoint
        self.target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            # The attribute in the id makes the target wait for the endpoint.
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{endpoint.variant_name}",
            min_capacity=settings.min_instances,
            max_capacity=settings.max_instances,
        )
        self.backlog_policy = self._backlog_policy(settings)
        self.wake_policy = self._wake_policy(settings)
        self.wake_alarm = self._wake_alarm()

    def _backlog_policy(self, settings: ScalingSettings) -> scaling.CfnScalingPolicy:
        policy = scaling.CfnScalingPolicy
        return policy(
            self,
            "BacklogPolicy",
            policy_name="backlog-per-instance",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=settings.backlog_per_instance,
                scale_out_cooldown=settings.scale_out_cooldown_seconds,
                scale_in_cooldown=settings.scale_in_cooldown_seconds,
                customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                    namespace=_NAMESPACE,
                    metric_name="ApproximateBacklogSizePerInstance",
                    # This and no variant's name: the metric has no other dimension, and one more would match nothing.
                    dimensions=[
                        policy.MetricDimensionProperty(name="EndpointName", value=self._endpoint.endpoint_name)
                    ],
                    statistic="Average",
                ),
            ),
        )

    def _wake_policy(self, settings: ScalingSettings) -> scaling.CfnScalingPolicy:
        policy = scaling.CfnScalingPolicy
        return policy(
            self,
            "WakePolicy",
            policy_name="wake-from-zero",
            policy_type="StepScaling",
            scaling_target_id=self.target.ref,
            step_scaling_policy_configuration=policy.StepScalingPolicyConfigurationProperty(
                adjustment_type="ChangeInCapacity",
                metric_aggregation_type="Average",
                cooldown=settings.wake_cooldown_seconds,
                step_adjustments=[
                    # Counted from the alarm's threshold; no upper bound.
                    policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)
                ],
            ),
        )

    def _wake_alarm(self) -> cloudwatch.CfnAlarm:
        return cloudwatch.CfnAlarm(
            self,
            "WakeAlarm",
            alarm_description="Requests wait and no instance runs: start one",
            namespace=_NAMESPACE,
            metric_name="HasBacklogWithoutCapacity",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="EndpointName", value=self._endpoint.endpoint_name)],
            statistic="Average",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            period=_MINUTE,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            treat_missing_data="missing",
            alarm_actions=[self.wake_policy.ref],
        )
