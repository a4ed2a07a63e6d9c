"""Application Auto Scaling's resource types for CloudFormation.

Source of what is replaced and what is updated in place: the resource schemas.
"""

from functools import partial
from typing import Any

from async_endpoint.emulator.api.cloudformation.resource_type import (
    Created,
    Properties,
    ResourceType,
    delete_if_present,
)
from async_endpoint.emulator.api.region_services import RegionServices

_TARGET_KEY = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class _ScalableTarget:
    """A ScalableTarget with its scheduled actions; its physical id is `resource|dimension|namespace`, as in AWS."""

    def create(self, region: RegionServices, logical_id: str, properties: Properties) -> Created:
        del logical_id
        self._register(region, properties)
        physical_id = "|".join(properties[name] for name in _TARGET_KEY)
        return physical_id, {"Id": physical_id}

    def update(self, region: RegionServices, physical_id: str, old: Properties, new: Properties) -> Created:
        self._register(region, new)
        kept = {action["ScheduledActionName"] for action in new.get("ScheduledActions") or ()}
        for action in old.get("ScheduledActions") or ():
            if (name := action["ScheduledActionName"]) not in kept:
                request = {**_target_key(physical_id), "ScheduledActionName": name}
                delete_if_present(partial(region.autoscaling.call, "DeleteScheduledAction", request))
        return physical_id, {"Id": physical_id}

    def delete(self, region: RegionServices, physical_id: str, properties: Properties) -> None:
        del properties
        delete_if_present(partial(region.autoscaling.call, "DeregisterScalableTarget", _target_key(physical_id)))

    @staticmethod
    def _register(region: RegionServices, properties: Properties) -> None:
        target = {key: value for key, value in properties.items() if key != "ScheduledActions"}
        region.autoscaling.call("RegisterScalableTarget", target)
        key = {name: properties[name] for name in _TARGET_KEY}
        for action in properties.get("ScheduledActions") or ():
            region.autoscaling.call("PutScheduledAction", {**key, **action})


class _ScalingPolicy:
    """A ScalingPolicy, of a target named by its id or by its three parts."""

    def create(self, region: RegionServices, logical_id: str, properties: Properties) -> Created:
        del logical_id
        arn = region.autoscaling.call("PutScalingPolicy", self._request(properties))["PolicyARN"]
        return arn, {"Arn": arn}

    def update(self, region: RegionServices, physical_id: str, old: Properties, new: Properties) -> Created:
        del old
        region.autoscaling.call("PutScalingPolicy", self._request(new))
        return physical_id, {"Arn": physical_id}

    def delete(self, region: RegionServices, physical_id: str, properties: Properties) -> None:
        del physical_id
        request = self._request(properties)
        key = {name: request[name] for name in ("PolicyName", *_TARGET_KEY)}
        delete_if_present(partial(region.autoscaling.call, "DeleteScalingPolicy", key))

    @staticmethod
    def _request(properties: Properties) -> dict[str, Any]:
        request = dict(properties)
        target = request.pop("ScalingTargetId", None)
        return request if target is None else request | _target_key(target)


def _target_key(physical_id: str) -> dict[str, str]:
    return dict(zip(_TARGET_KEY, physical_id.split("|"), strict=True))


RESOURCE_TYPES: dict[str, ResourceType] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(_ScalableTarget(), _TARGET_KEY, blocks=True),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        _ScalingPolicy(), ("PolicyName", "ScalingTargetId", *_TARGET_KEY), blocks=True
    ),
}
