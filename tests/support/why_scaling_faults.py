"""What goes wrong with the scaling of a deployed stage, each undone afterwards."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.why_stage import Deployed, Fault, client

_ALARM_SETTINGS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm",
    "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics",
)  # fmt: skip
_POLICY_SETTINGS = (
    "PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyType", "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
)  # fmt: skip


def _alarm(name: str) -> dict[str, Any]:
    (found,) = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return {key: found[key] for key in _ALARM_SETTINGS if found.get(key) not in (None, [])}


@contextmanager
def _alarm_restored(name: str) -> Iterator[dict[str, Any]]:
    before = _alarm(name)
    try:
        yield json.loads(json.dumps(before))
    finally:
        client("cloudwatch").put_metric_alarm(**before)


@contextmanager
def wake_alarm_of_another_endpoint(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("ScalingWakeAlarm")) as alarm:
        for query in alarm["Metrics"]:
            for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", []):
                dimension["Value"] = dimension["Value"].replace(deployed.endpoint, "donut-async-other")
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


@contextmanager
def queue_metric_with_a_variant(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("AlarmsStuckAtZero")) as alarm:
        alarm["Dimensions"].append({"Name": "VariantName", "Value": "AllTraffic"})
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


def disabled_actions(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        names = [deployed.named(kind)]
        client("cloudwatch").disable_alarm_actions(AlarmNames=names)
        try:
            yield
        finally:
            client("cloudwatch").enable_alarm_actions(AlarmNames=names)

    return fault


@contextmanager
def deleted_alarm(deployed: Deployed) -> Iterator[None]:
    name = deployed.named("ScalingSleepAlarm")
    with _alarm_restored(name):
        client("cloudwatch").delete_alarms(AlarmNames=[name])
        yield


@contextmanager
def deleted_alarm_of_target_tracking(deployed: Deployed) -> Iterator[None]:
    (policy,) = client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", PolicyNames=["backlog-per-instance"]
    )["ScalingPolicies"]
    client("cloudwatch").delete_alarms(AlarmNames=[policy["Alarms"][0]["AlarmName"]])
    try:
        yield
    finally:
        _put_policies([policy], deployed)


@contextmanager
def alarm_without_action(deployed: Deployed) -> Iterator[None]:
    with _alarm_restored(deployed.named("ScalingWakeAlarm")) as alarm:
        alarm.pop("AlarmActions")
        client("cloudwatch").put_metric_alarm(**alarm)
        yield


def target_with(**settings: Any) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        scaling = client("application-autoscaling")
        (before,) = scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[deployed.target["ResourceId"]]
        )["ScalableTargets"]
        scaling.register_scalable_target(**deployed.target, **settings)
        try:
            yield
        finally:
            scaling.register_scalable_target(
                **deployed.target, **{name: before[name] for name in ("MinCapacity", "MaxCapacity", "SuspendedState")}
            )

    return fault


@contextmanager
def warm_window(deployed: Deployed) -> Iterator[None]:
    """Two scheduled actions, as the stack makes them: the one that is due each minute opens a window."""
    scaling, last = client("application-autoscaling"), "cron(0 0 1 1 ? 2099)"
    actions = {"why-start": ("rate(1 minute)", 1), "why-end": (last, 0)}
    for name, (schedule, minimum) in actions.items():
        scaling.put_scheduled_action(
            **deployed.target,
            ScheduledActionName=name,
            Schedule=schedule,
            ScalableTargetAction={"MinCapacity": minimum, "MaxCapacity": 2},
        )
    try:
        yield
    finally:
        for name in actions:
            scaling.delete_scheduled_action(**deployed.target, ScheduledActionName=name)
        scaling.register_scalable_target(**deployed.target, MinCapacity=0)


def _put_policies(policies: list[dict[str, Any]], deployed: Deployed) -> None:
    """Puts policies again, and has their alarms trigger the new ones."""
    scaling = client("application-autoscaling")
    for policy in policies:
        put = {name: policy[name] for name in _POLICY_SETTINGS if name in policy}
        arn = scaling.put_scaling_policy(**put)["PolicyARN"]
        for kind, name in (("ScalingWakeAlarm", "wake-from-zero"), ("ScalingSleepAlarm", "sleep-when-idle")):
            if policy["PolicyName"] == name:
                client("cloudwatch").put_metric_alarm(**_alarm(deployed.named(kind)) | {"AlarmActions": [arn]})


@contextmanager
def deleted_policy(deployed: Deployed) -> Iterator[None]:
    scaling = client("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["wake-from-zero"])[
        "ScalingPolicies"
    ]
    scaling.delete_scaling_policy(PolicyName="wake-from-zero", **deployed.target)
    try:
        yield
    finally:
        _put_policies([policy], deployed)


@contextmanager
def deregistered_target(deployed: Deployed) -> Iterator[None]:
    scaling = client("application-autoscaling")
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    scaling.deregister_scalable_target(**deployed.target)
    try:
        yield
    finally:
        scaling.register_scalable_target(**deployed.target, MinCapacity=0, MaxCapacity=2)
        _put_policies(policies, deployed)
