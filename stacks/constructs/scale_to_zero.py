"""Scaling by the queue: 0 … n instances, woken from 0 by an alarm, with two presets and hours of warmth.

`aws` adds one instance, as the recipe of AWS's documentation does, `responsive` as many as wait for; both sleep by the
same alarm. None of the alarms rests on a metric arriving on time, in order, or at all: docs/decisions/0011 gives the
reasons, docs/evidence.md the sources.

Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
Metric math: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

L1 resources: the L2 step policy refuses a single step, and the L2 target adds a role that SageMaker does not use.
"""

import math
from collections.abc import Mapping, Sequence

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs import endpoint_metrics as names
from stacks.constructs.alarms import late_periods
from stacks.constructs.async_endpoint import AsyncEndpoint
from stacks.constructs.endpoint_metrics import INSTANCES_NAMESPACE, MINUTE, NAMESPACE
from stacks.settings.scaling import RESPONSIVE, ScalingSettings
from stacks.settings.warm_window import WarmWindow

_MOST_STEPS = 20  # https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html

# Ids in the alarms' metric math. `..._known` is the number of samples in a minute: 0 only where there is no datapoint,
# in whichever way CloudWatch counts a missing value.
_QUEUE_KNOWN = "backlog_known"
_INSTANCES_KNOWN = "cpu_known"


class ScaleToZero(Construct):
    """A scalable target, the policies and alarms of the settings' preset, and the windows in which it is kept warm.

    `invocation_timeout_seconds` is how long a single request may be processed, `on_gpu` whether on a GPU, and `vcpus`
    how many virtual CPUs an instance has: an instance may be ended only when it cannot be at work.
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
        self._endpoint = endpoint
        self._settings = settings
        self.target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            # The attribute in the id makes the target wait for the endpoint.
            resource_id=f"endpoint/{endpoint.endpoint_name}/variant/{endpoint.variant_name}",
            min_capacity=settings.min_instances,
            max_capacity=settings.max_instances,
            scheduled_actions=self._schedule() or None,
        )
        self.backlog_policy = self._backlog_policy()
        if settings.preset == RESPONSIVE:
            self._wake_for_all_that_waits()
        else:
            self._wake_one()
        self._sleep_when_idle(invocation_timeout_seconds, on_gpu=on_gpu, vcpus=vcpus)

    def _backlog_policy(self) -> scaling.CfnScalingPolicy:
        """Tracks the backlog of each instance; a figure that does not exist at 0 instances, so others wake and end."""
        policy, settings = scaling.CfnScalingPolicy, self._settings
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
                # The recipe leaves it on, and then a small backlog ends instances in the middle of their work: all the
                # sooner if the backlog does not count what is worked on, which is not documented without contradiction.
                disable_scale_in=True,
                customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                    namespace=NAMESPACE,
                    metric_name=names.BACKLOG_PER_INSTANCE,
                    # This and no variant's name: the metric has no other dimension, and one more would match nothing.
                    dimensions=[
                        policy.MetricDimensionProperty(name="EndpointName", value=self._endpoint.endpoint_name)
                    ],
                    statistic="Average",
                ),
            ),
        )

    def _wake_one(self) -> None:
        policy = scaling.CfnScalingPolicy
        # Counted from the alarm's threshold; no upper bound.
        steps = [policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)]
        alarm = self._wake_alarm(self._wake_policy(steps))
        # The guide's Average is below 1 in the minute in which the request came.
        alarm.namespace, alarm.metric_name, alarm.statistic = NAMESPACE, names.WITHOUT_CAPACITY, "Maximum"
        alarm.dimensions, alarm.period = [*_dimensions(self._of_queue)], MINUTE

    def _wake_for_all_that_waits(self) -> None:
        """From 0, as many instances as the backlog wants; of no effect once one runs."""
        alarm = self._wake_alarm(self._wake_policy(_fleet_sizes(self._settings)))
        # `nocap` is 0 or 1. The backlog may come later than it: until then it is taken for 1.
        alarm.metrics = [
            *self._queries(
                "Requests wait and no instance runs",
                "nocap * MAX([nocap, backlog])",
                {
                    "nocap": (NAMESPACE, names.WITHOUT_CAPACITY, self._of_queue, "Maximum"),
                    "backlog": (NAMESPACE, names.BACKLOG, self._of_queue, "Maximum"),
                },
            )
        ]

    def _wake_policy(
        self, steps: Sequence[scaling.CfnScalingPolicy.StepAdjustmentProperty]
    ) -> scaling.CfnScalingPolicy:
        """Adds instances, and can therefore never shrink a fleet, however long its alarm lasts.

        The alarm is late to end, and invokes its policy each minute until then. The cooldown makes the repetitions
        count from the capacity before the first, so that they add nothing to it.
        """
        return self._step_policy(
            "WakePolicy",
            "wake-from-zero",
            adjustment_type="ChangeInCapacity",
            aggregation="Maximum",
            cooldown=self._settings.wake_cooldown_seconds,
            steps=steps,
        )

    def _wake_alarm(self, policy: scaling.CfnScalingPolicy) -> cloudwatch.CfnAlarm:
        """An alarm that one datapoint sets off, however late it comes; what it watches is the caller's to set."""
        return cloudwatch.CfnAlarm(
            self,
            "WakeAlarm",
            alarm_description="Requests wait and no instance runs: start what they need",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=1 + late_periods(MINUTE),
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",
            alarm_actions=[policy.ref],
        )

    def _sleep_when_idle(self, invocation_timeout_seconds: int, *, on_gpu: bool, vcpus: int) -> None:
        """To 0 when, for longer than a request may take, no datapoint shows work, and what would show it is known.

        A minute with any sign of work counts as busy, whatever else is known of it. A minute without one counts as idle
        only if the queue's and the instances' metrics have both arrived; otherwise it is left out, because it has not
        been reported yet, or no instance runs.
        """
        policy = scaling.CfnScalingPolicy
        sleep = self._step_policy(
            "SleepPolicy",
            "sleep-when-idle",
            adjustment_type="ExactCapacity",
            # Each of the alarm's datapoints must be an idle minute.
            aggregation="Minimum",
            cooldown=self._settings.scale_in_cooldown_seconds,
            # The target's minimum holds here too: within a warm window the window's instances stay.
            steps=[policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=0)],
        )
        of_variant = names.EndpointMetrics(self._endpoint.endpoint_name, self._endpoint.variant_name).of_variant
        percent = self._settings.idle_utilization_percent
        metrics = {
            "backlog": (NAMESPACE, names.BACKLOG, self._of_queue, "Maximum"),
            "nocap": (NAMESPACE, names.WITHOUT_CAPACITY, self._of_queue, "Maximum"),
            # An instance fetches a request's document before it processes it.
            "started": (NAMESPACE, names.DOWNLOAD_TIME, of_variant, "SampleCount"),
            "processed": (NAMESPACE, names.PROCESSED, of_variant, "Sum"),
            "failed": (NAMESPACE, names.FAILED, of_variant, "Sum"),
            "cpu": (INSTANCES_NAMESPACE, names.CPU, of_variant, "Maximum"),
            _QUEUE_KNOWN: (NAMESPACE, names.BACKLOG, self._of_queue, "SampleCount"),
            _INSTANCES_KNOWN: (INSTANCES_NAMESPACE, names.CPU, of_variant, "SampleCount"),
        }
        # 100 percent for each virtual CPU, so that four of them at work are 400.
        work = ["backlog", "nocap", "started", "processed", "failed", f"(cpu >= {percent * vcpus})"]
        if on_gpu:
            metrics["gpu"] = (INSTANCES_NAMESPACE, names.GPU, of_variant, "Maximum")
            work.append(f"(gpu >= {percent})")
        signs = " + ".join(work)
        # One minute more than a request may take, because a datapoint covers the minute before.
        periods = math.ceil(invocation_timeout_seconds / MINUTE) + 1
        cloudwatch.CfnAlarm(
            self,
            "SleepAlarm",
            alarm_description="No work for longer than a request may take: end all instances",
            metrics=self._queries(
                "Idle", f"IF({signs} + {_QUEUE_KNOWN} * {_INSTANCES_KNOWN}, ({signs}) == 0)", metrics
            ),
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            # What has not arrived yet says nothing; "notBreaching" would take it for work, and no endpoint would sleep.
            treat_missing_data="missing",
            alarm_actions=[sleep.ref],
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

    @staticmethod
    def _queries(
        label: str, expression: str, metrics: Mapping[str, tuple[str, str, Mapping[str, str], str]]
    ) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
        """Metric math over one-minute metrics (id → namespace, name, dimensions, statistic)."""
        alarm = cloudwatch.CfnAlarm
        return [
            alarm.MetricDataQueryProperty(id="result", expression=expression, label=label, return_data=True),
            *(
                alarm.MetricDataQueryProperty(
                    id=query_id,
                    metric_stat=alarm.MetricStatProperty(
                        metric=alarm.MetricProperty(
                            namespace=namespace, metric_name=name, dimensions=_dimensions(dimensions)
                        ),
                        period=MINUTE,
                        stat=statistic,
                    ),
                    return_data=False,
                )
                for query_id, (namespace, name, dimensions, statistic) in metrics.items()
            ),
        ]

    @property
    def _of_queue(self) -> Mapping[str, str]:
        return {"EndpointName": self._endpoint.endpoint_name}

    def _schedule(self) -> list[scaling.CfnScalableTarget.ScheduledActionProperty]:
        """Two actions for each window: one raises the fewest instances, one lowers them again."""
        lowest = self._settings.min_instances
        return [
            self._at(window, time, name=f"{window.name}-{edge}", least=least)
            for window in self._settings.warm_windows
            for edge, time, least in (("start", window.start, window.min_instances), ("end", window.end, lowest))
        ]

    def _at(
        self, window: WarmWindow, time: str, *, name: str, least: int
    ) -> scaling.CfnScalableTarget.ScheduledActionProperty:
        hour, minute = map(int, time.split(":"))
        target = scaling.CfnScalableTarget
        return target.ScheduledActionProperty(
            scheduled_action_name=name,
            schedule=f"cron({minute} {hour} ? * {window.days} *)",
            timezone=window.time_zone,  # summer time included
            scalable_target_action=target.ScalableTargetActionProperty(
                min_capacity=least, max_capacity=self._settings.max_instances
            ),
        )


def _dimensions(values: Mapping[str, str]) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in values.items()]


def _fleet_sizes(settings: ScalingSettings) -> list[scaling.CfnScalingPolicy.StepAdjustmentProperty]:
    """N instances for a backlog of up to n times what one instance is to have; coarser where there are many n.

    Bounds are counted from the alarm's threshold, 1: lower ones belong to their step, upper ones to the next.
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
