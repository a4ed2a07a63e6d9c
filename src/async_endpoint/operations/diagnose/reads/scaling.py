"""Scaling: the target, its policies, activities and scheduled actions, the alarms and the metrics."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from async_endpoint.operations.diagnose.facts import Activity, Alarm, Policy, TargetFacts, Watched
from async_endpoint.operations.diagnose.metrics import READ, Datapoint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from async_endpoint.operations.diagnose.facts import StageNames
    from async_endpoint.operations.diagnose.reads.clients import Clients

_BEFORE = timedelta(hours=3)
# A local AWS whose clock runs faster than the wall's is days ahead; on AWS there is nothing in the future to read.
_AHEAD = timedelta(days=8)
_ALARMS_AT_ONCE = 100
_VARIANT = "AllTraffic"


def _of_variant(names: StageNames) -> dict[str, str]:
    return {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{names.endpoint}/variant/{_VARIANT}"}


def read_target(clients: Clients, names: StageNames) -> TargetFacts | None:
    """Calls DescribeScalableTargets; None if the variant is not registered."""
    resource = _of_variant(names)
    found = clients["application-autoscaling"].describe_scalable_targets(
        ServiceNamespace=resource["ServiceNamespace"], ResourceIds=[resource["ResourceId"]]
    )["ScalableTargets"]
    if not found:
        return None
    suspended = found[0].get("SuspendedState", {})
    return TargetFacts(
        minimum=found[0]["MinCapacity"],
        maximum=found[0]["MaxCapacity"],
        in_suspended=suspended.get("DynamicScalingInSuspended", False),
        out_suspended=suspended.get("DynamicScalingOutSuspended", False),
        schedules_suspended=suspended.get("ScheduledScalingSuspended", False),
    )


def read_policies(clients: Clients, names: StageNames) -> tuple[Policy, ...]:
    """Calls DescribeScalingPolicies."""
    found = clients["application-autoscaling"].describe_scaling_policies(**_of_variant(names))["ScalingPolicies"]
    return tuple(
        Policy(
            each["PolicyName"],
            each["PolicyARN"],
            each.get("TargetTrackingScalingPolicyConfiguration", {}).get("TargetValue"),
            # Those of a step policy are the stack's own.
            tuple(alarm["AlarmName"] for alarm in each.get("Alarms", ()) if each["PolicyType"] != "StepScaling"),
        )
        for each in found
    )


def read_activities(clients: Clients, names: StageNames) -> tuple[Activity, ...]:
    """Calls DescribeScalingActivities; newest first."""
    found = clients["application-autoscaling"].describe_scaling_activities(**_of_variant(names), MaxResults=50)
    activities = [
        Activity(
            began_at=each["StartTime"].astimezone(UTC),
            ended_at=each["EndTime"].astimezone(UTC) if each.get("EndTime") else None,
            status=each["StatusCode"],
            message=each.get("StatusMessage", ""),
            description=each.get("Description", ""),
        )
        for each in found["ScalingActivities"]
    ]
    return tuple(sorted(activities, key=lambda each: each.began_at, reverse=True))


def read_scheduled_minimums(clients: Clients, names: StageNames) -> dict[str, int]:
    """Calls DescribeScheduledActions; returns the minimum that each sets."""
    found = clients["application-autoscaling"].describe_scheduled_actions(**_of_variant(names))["ScheduledActions"]
    minimums = {each["ScheduledActionName"]: each.get("ScalableTargetAction", {}).get("MinCapacity") for each in found}
    return {name: minimum for name, minimum in minimums.items() if minimum is not None}


def read_alarms(clients: Clients, wanted: Iterable[str]) -> dict[str, Alarm]:
    """Calls DescribeAlarms for the alarms of these names; a missing one is not in the result."""
    names = list(wanted)
    alarms: dict[str, Alarm] = {}
    for start in range(0, len(names), _ALARMS_AT_ONCE):
        part = names[start : start + _ALARMS_AT_ONCE]
        found = clients["cloudwatch"].describe_alarms(AlarmNames=part, MaxRecords=_ALARMS_AT_ONCE)["MetricAlarms"]
        alarms |= {each["AlarmName"]: _alarm(each) for each in found}
    return alarms


def _alarm(found: dict[str, Any]) -> Alarm:
    metrics = [query["MetricStat"]["Metric"] for query in found.get("Metrics", []) if "MetricStat" in query]
    if "MetricName" in found:
        metrics.append(found)
    return Alarm(
        name=found["AlarmName"],
        state=found["StateValue"],
        reason=found.get("StateReason", ""),
        actions_enabled=found.get("ActionsEnabled", True),
        actions=tuple(found.get("AlarmActions", ())),
        watched=tuple(
            Watched(each.get("Namespace", ""), each["MetricName"], _dimensions(each.get("Dimensions", ())))
            for each in metrics
        ),
        changed_at=found["StateUpdatedTimestamp"].astimezone(UTC),
        description=found.get("AlarmDescription", ""),
        expression=next((each["Expression"] for each in found.get("Metrics", []) if "Expression" in each), ""),
    )


def _dimensions(found: Iterable[dict[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in found}


def read_datapoints(clients: Clients, names: StageNames, now: datetime) -> dict[str, tuple[Datapoint, ...]]:
    """Calls GetMetricData; returns the datapoints of the last hours by the metric's name, newest first."""
    queries = []
    for number, metric in enumerate(READ):
        dimensions = [{"Name": "EndpointName", "Value": names.endpoint}]
        if metric.of_variant:
            dimensions.append({"Name": "VariantName", "Value": _VARIANT})
        described = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
        stat = {"Metric": described, "Period": 60, "Stat": metric.statistic}
        queries.append({"Id": f"m{number}", "MetricStat": stat})
    start = (now - _BEFORE).replace(second=0, microsecond=0)
    found = clients["cloudwatch"].get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=now + _AHEAD, ScanBy="TimestampDescending"
    )["MetricDataResults"]
    return {
        READ[int(each["Id"][1:])].name: _newest_first(zip(each["Timestamps"], each["Values"], strict=True))
        for each in found
    }


def _newest_first(points: Iterable[tuple[datetime, float]]) -> tuple[Datapoint, ...]:
    read = [Datapoint(at.astimezone(UTC), value) for at, value in points]
    return tuple(sorted(read, key=lambda point: point.at, reverse=True))
