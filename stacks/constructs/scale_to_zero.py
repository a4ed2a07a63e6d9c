"""Scaling by the queue: from 0 to n instances, woken from 0 by an alarm, with two presets and warm windows.

The preset `aws` adds one instance, like the example in AWS's documentation; `responsive` adds as many as the backlog
needs. Both sleep by the same alarm. No alarm depends on a metric arriving on time, in order, or at all:
docs/decisions/0011 has the reasons, docs/evidence.md the sources.

Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html

L1 resources: the L2 step policy rejects a single step, and the L2 target adds a role that SageMaker does not use.
"""

import math
from collections.abc import Sequence

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from async_endpoint.protocol import WAKE_HELD, WAKE_NAMESPACE, WAKE_POLICY
from stacks.constructs import endpoint_metrics as names
from stacks.constructs.alarms import late_periods
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.endpoint_metrics import MINUTE, NAMESPACE, EndpointMetrics
from stacks.constructs.idle_minutes import idle_minute_queries
from stacks.constructs.metric_math import MinuteMetric, metric_queries
from stacks.constructs.warm_windows import scheduled_actions
from stacks.settings.scaling import RESPONSIVE, ScalingSettings

_MOST_STEPS = 20  # https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html

# How long the sleep alarm can stay on after it has acted: late datapoints, up to ten more that CloudWatch reads, and
# some minutes until it recovers. A cooldown ends with the next growth by a policy, but not with a direct wake.
_SLEEP_LINGERS_SECONDS = 1_200


class ScaleToZero(Construct):
    """A scalable target with its scheduled actions, and the policies and alarms of the settings' preset.

    `invocation_timeout_seconds` bounds the processing of a single request; `on_gpu` and `vcpus` describe an instance.
    They define when an instance is certainly idle, the only time at which it may be stopped.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: AsyncEndpoint,
        settings: ScalingSettings,
        invocation_timeout_seconds: int,
        on_gpu: bool,
        vcpus: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._metrics = EndpointMetrics(endpoint.endpoint_name, endpoint.variant_name)
        self.target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            # The attribute in the id makes the target depend on the endpoint.
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{endpoint.variant_name}",
            min_capacity=settings.min_instances,
            max_capacity=settings.max_instances,
            scheduled_actions=scheduled_actions(settings) or None,
        )
        self.backlog_policy = self._backlog_policy()
        if settings.preset == RESPONSIVE:
            self._wake_for_backlog()
        else:
            self._wake_one()
        self._sleep_when_idle(invocation_timeout_seconds, on_gpu=on_gpu, vcpus=vcpus)

    def _backlog_policy(self) -> scaling.CfnScalingPolicy:
        """Tracks the backlog per instance. The metric does not exist at 0 instances: other policies wake and sleep."""
        policy, settings = scaling.CfnScalingPolicy, self._settings
        dimensions = [
            policy.MetricDimensionProperty(name=name, value=value)
            for name, value in self._metrics.queue_dimensions.items()
        ]
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
                # AWS's example leaves it on. A small backlog then stops instances while they work, even sooner if the
                # backlog does not count requests in flight; the documentation contradicts itself on that.
                disable_scale_in=True,
                customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                    namespace=NAMESPACE,
                    metric_name=names.BACKLOG_PER_INSTANCE,
                    dimensions=dimensions,
                    statistic="Average",
                ),
            ),
        )

    def _wake_one(self) -> None:
        # Bounds count from the alarm's threshold; without an upper bound.
        steps = [scaling.CfnScalingPolicy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)]
        # The guide's Average is below 1 in the minute in which the request arrived.
        alarm = self._wake_alarm(self._wake_policy(steps))
        alarm.metrics = [
            *metric_queries("Requests wait and no instance runs", "MIN([nocap, held])", self._signs_of_sleep())
        ]

    def _wake_for_backlog(self) -> None:
        """Starts as many instances as the backlog needs; without effect while an instance runs."""
        alarm = self._wake_alarm(self._wake_policy(_fleet_sizes(self._settings)))
        # `nocap` is 0 or 1. The backlog may arrive later: until then it counts as 1.
        backlog = MinuteMetric(NAMESPACE, names.BACKLOG, self._metrics.queue_dimensions, "Maximum")
        alarm.metrics = [
            *metric_queries(
                "Requests wait and no instance runs",
                "MIN([nocap, held]) * MAX([nocap, backlog])",
                {**self._signs_of_sleep(), "backlog": backlog},
            )
        ]

    def _signs_of_sleep(self) -> dict[str, MinuteMetric]:
        """Returns the metrics by which a minute counts for waking.

        `held` is 0 in the minutes after somebody has set the capacity directly, else missing, so that `MIN([nocap,
        held])` is 0 or `nocap`. Without it the alarm would add the same instances again while they start.
        """
        queue = self._metrics.queue_dimensions
        return {
            "nocap": MinuteMetric(NAMESPACE, names.WITHOUT_CAPACITY, queue, "Maximum"),
            "held": MinuteMetric(WAKE_NAMESPACE, WAKE_HELD, queue, "Minimum"),
        }

    def _wake_policy(
        self, steps: Sequence[scaling.CfnScalingPolicy.StepAdjustmentProperty]
    ) -> scaling.CfnScalingPolicy:
        """Adds instances; it can never shrink a fleet, however long its alarm lasts.

        The alarm recovers late, and invokes its policy every minute until then. Because of the cooldown, repetitions
        count from the capacity before the first one, and add nothing to it.
        """
        return self._step_policy(
            "WakePolicy",
            WAKE_POLICY,
            adjustment_type="ChangeInCapacity",
            aggregation="Maximum",
            cooldown=self._settings.wake_cooldown_seconds,
            steps=steps,
        )

    def _wake_alarm(self, policy: scaling.CfnScalingPolicy) -> cloudwatch.CfnAlarm:
        """Creates an alarm that one datapoint sets off, however late it arrives; the caller sets its metric."""
        return cloudwatch.CfnAlarm(
            self,
            "WakeAlarm",
            alarm_description="Requests wait and no instance runs: starts instances",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=1 + late_periods(MINUTE),
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",
            alarm_actions=[policy.ref],
        )

    def _sleep_when_idle(self, invocation_timeout_seconds: int, *, on_gpu: bool, vcpus: int) -> None:
        """Scales to 0 when all minutes were idle for longer than a request may take."""
        policy = self._step_policy(
            "SleepPolicy",
            "sleep-when-idle",
            adjustment_type="ExactCapacity",
            # Each of the alarm's datapoints must be an idle minute.
            aggregation="Minimum",
            # A submission may wake the endpoint while the alarm that put it to sleep still lasts.
            cooldown=max(_SLEEP_LINGERS_SECONDS, self._settings.scale_in_cooldown_seconds),
            # The target's minimum applies: within a warm window the window's instances keep running.
            steps=[
                scaling.CfnScalingPolicy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=0)
            ],
        )
        # One minute more than a request may take, because a datapoint covers the minute before.
        periods = math.ceil(invocation_timeout_seconds / MINUTE) + 1
        cloudwatch.CfnAlarm(
            self,
            "SleepAlarm",
            alarm_description="No work for longer than a request may take: stops all instances",
            metrics=idle_minute_queries(
                self._metrics,
                utilization_percent=self._settings.idle_utilization_percent,
                on_gpu=on_gpu,
                vcpus=vcpus,
            ),
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            # "notBreaching" would treat minutes that have not arrived yet as busy, and no endpoint would ever sleep.
            treat_missing_data="missing",
            alarm_actions=[policy.ref],
        )

    def _step_policy(
        self,
        construct_id: str,
        name: str,
        *,
        adjustment_type: str,
        aggregation: str,
        cooldown: int,
        steps: Sequence[scaling.CfnScalingPolicy.StepAdjustmentProperty],
    ) -> scaling.CfnScalingPolicy:
        policy = scaling.CfnScalingPolicy
        return policy(
            self,
            construct_id,
            policy_name=name,
            policy_type="StepScaling",
            scaling_target_id=self.target.ref,
            step_scaling_policy_configuration=policy.StepScalingPolicyConfigurationProperty(
                adjustment_type=adjustment_type,
                metric_aggregation_type=aggregation,
                cooldown=cooldown,
                step_adjustments=list(steps),
            ),
        )


def _fleet_sizes(settings: ScalingSettings) -> list[scaling.CfnScalingPolicy.StepAdjustmentProperty]:
    """Returns steps of n instances for up to n times `backlog_per_instance` requests; larger steps for large fleets.

    Bounds count from the alarm's threshold, 1. A lower bound belongs to its step, an upper bound to the next step.
    """
    count = min(settings.max_instances, _MOST_STEPS)
    sizes = [math.ceil(settings.max_instances * step / count) for step in range(1, count + 1)]
    share = settings.backlog_per_instance
    return [
        scaling.CfnScalingPolicy.StepAdjustmentProperty(
            metric_interval_lower_bound=smaller * share,
            metric_interval_upper_bound=None if size == settings.max_instances else size * share,
            scaling_adjustment=size,
        )
        for smaller, size in zip([0, *sizes], sizes, strict=False)
    ]
