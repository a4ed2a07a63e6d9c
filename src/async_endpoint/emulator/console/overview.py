"""One snapshot of a region as plain JSON: its endpoints with queue, instances, alarms, activities and documents.

`/_local/overview`, which `async-endpoint local status` shows, and the pages are made from it. Times are in epoch
seconds on AWS's clock.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from async_endpoint.autoscaling.targets import NAMESPACE
from async_endpoint.clock import ScaledClock
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.history import Document

WAITING_SHOWN = 20
_ACTIVITIES_SHOWN = 10
_SCALING_ACTION = ":scalingPolicy:"
_MADE_NAMES = (
    # STACK-LOGICALID-RANDOM; the logical id is a CDK path without its separators, and eight hexadecimal digits.
    re.compile(r".+-([A-Za-z0-9]+?)[0-9A-F]{8}-[A-Za-z0-9]{8,}"),
    re.compile(r"(TargetTracking)-.+-(Alarm[A-Za-z]+)-[0-9a-f-]{36}"),
)

Json = dict[str, Any]


def overview(region: RegionServices) -> Json:
    """Returns everything about a region, endpoints sorted by name."""
    alarms = region.autoscaling.alarms()
    endpoints = sorted(region.sagemaker.endpoints(), key=lambda endpoint: endpoint.name)
    claimed = {alarm["AlarmName"] for endpoint in endpoints for alarm in _alarms_of(endpoint.name, alarms)}
    return {
        "region": region.name,
        "account": region.account,
        "clock": {"now": region.clock.now(), "speed": region.clock.speed},
        "endpoints": [_endpoint(region, endpoint, alarms) for endpoint in endpoints],
        "other_alarms": [_alarm(alarm) for alarm in alarms if alarm["AlarmName"] not in claimed],
    }


def regions_with_endpoints(regions: Iterable[RegionServices]) -> list[str]:
    """Returns the names of the regions that have endpoints."""
    return sorted({region.name for region in regions if region.sagemaker.endpoints()})


def empty_overview(region: str, clock: ScaledClock) -> Json:
    """Returns the overview of a region without any request so far."""
    return {
        "region": region,
        "account": None,
        "clock": {"now": clock.now(), "speed": clock.speed},
        "endpoints": [],
        "other_alarms": [],
    }


def _endpoint(region: RegionServices, endpoint: HostedEndpoint, alarms: Iterable[Mapping[str, Any]]) -> Json:
    deployment, now = endpoint.deployment, region.clock.now()
    variant = endpoint.config["ProductionVariants"][0]["VariantName"] if endpoint.config else None
    resource = f"endpoint/{endpoint.name}/variant/{variant}"
    return {
        "name": endpoint.name,
        "status": endpoint.status,
        "failure_reason": endpoint.failure_reason,
        "config": endpoint.config.get("EndpointConfigName"),
        "variant": variant,
        "created_at": endpoint.created_at,
        "running": 0 if deployment is None else deployment.fleet.running,
        "desired": 0 if deployment is None else deployment.fleet.desired,
        "instance_seconds": region.history.instance_seconds(endpoint.name),
        "leaving": sum(each.fleet.leaving for each in endpoint.deployments),
        "scaling": _scaling(region, resource),
        "instances": [item for each in endpoint.deployments for item in _instances(region, each)],
        "backlog": _backlog(endpoint, now),
        "alarms": [_alarm(alarm) for alarm in _alarms_of(endpoint.name, alarms)],
        "activities": _activities(region, resource),
        "documents": [
            _document(document) for document in region.history.documents(endpoint.name, since=endpoint.created_at)
        ],
    }


def _instances(region: RegionServices, deployment: Deployment) -> list[Json]:
    clock, here = region.clock, time.monotonic()
    return [
        {
            "id": member.instance.instance_id,
            "config": deployment.config["EndpointConfigName"],
            "state": "InService" if member.in_service else "Starting",
            "since": clock.now() - (here - member.since) * clock.speed,
            "requests": member.instance.invocations,
        }
        for member in deployment.fleet.members
    ]


def _backlog(endpoint: HostedEndpoint, now: float) -> Json:
    queue = endpoint.queue
    oldest = queue.oldest_received_at()
    return {
        "waiting": queue.waiting,
        "in_flight": queue.in_flight,
        "oldest_seconds": None if oldest is None else max(0.0, now - oldest),
        "first": [
            {
                "inference_id": item.request.inference_id,
                "input_location": item.request.input_location,
                "received_at": item.received_at,
                "expires_at": item.received_at + item.request.request_ttl_seconds,
                "losses": item.losses,
            }
            for item in queue.waiting_requests(WAITING_SHOWN)
        ],
    }


def _scaling(region: RegionServices, resource: str) -> Json | None:
    """Returns the bounds of an endpoint's scalable target; None if there is no target."""
    selected = {"ServiceNamespace": NAMESPACE, "ResourceIds": [resource]}
    targets = region.autoscaling.call("DescribeScalableTargets", selected)["ScalableTargets"]
    return {"min": targets[0]["MinCapacity"], "max": targets[0]["MaxCapacity"]} if targets else None


def _activities(region: RegionServices, resource: str) -> list[Json]:
    selected = {"ServiceNamespace": NAMESPACE, "ResourceId": resource, "MaxResults": _ACTIVITIES_SHOWN}
    return [
        {
            "started_at": activity["StartTime"],
            "ended_at": activity.get("EndTime"),
            "status": activity["StatusCode"],
            "description": activity["Description"],
            "cause": activity["Cause"],
            "message": activity["StatusMessage"],
        }
        for activity in region.autoscaling.call("DescribeScalingActivities", selected)["ScalingActivities"]
    ]


def _alarms_of(endpoint: str, alarms: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the alarms on metrics of one endpoint."""
    return [alarm for alarm in alarms if any(_is_of(endpoint, each) for each in _dimensions(alarm))]


def _dimensions(alarm: Mapping[str, Any]) -> list[Sequence[Mapping[str, str]]]:
    """Returns the dimensions of each metric of an alarm, of those in metric math too."""
    queried = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    return [metric.get("Dimensions", ()) for metric in (alarm, *queried)]


def _is_of(endpoint: str, dimensions: Iterable[Mapping[str, str]]) -> bool:
    return any(each["Name"] == "EndpointName" and each["Value"] == endpoint for each in dimensions)


def _alarm(alarm: Mapping[str, Any]) -> Json:
    return {
        "name": alarm["AlarmName"],
        "short_name": short_alarm_name(alarm["AlarmName"]),
        "scales": any(_SCALING_ACTION in action for action in alarm.get("AlarmActions", ())),
        "state": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "since": alarm["StateTransitionedTimestamp"],
    }


def short_alarm_name(name: str) -> str:
    """Returns the part of an alarm's name that a person reads.

    That is the logical id, without the CDK's hash, of a name that CloudFormation made, and what follows the resource in
    one that target tracking made.
    """
    for form in _MADE_NAMES:
        if made := form.fullmatch(name):
            return " ".join(made.groups())
    return name


def _document(document: Document) -> Json:
    return {
        "number": document.number,
        "inference_id": document.inference_id,
        "instance": document.instance,
        "status": document.status,
        "seconds": document.seconds,
        "input_location": document.input_location,
        "output_location": document.output_location,
        "failure_location": document.failure_location,
        "result": document.result.decode("utf-8", "replace"),
        "result_bytes": document.result_size,
        "content_type": document.content_type,
        "ended_at": document.at,
    }
