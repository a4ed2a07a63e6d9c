"""SageMaker's and Application Auto Scaling's resource types for CloudFormation.

Source of what is replaced and what is updated in place: the resource schemas. `Ref` of SageMaker's types gives the ARN.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

from async_endpoint.emulator.api.region_services import Services
from async_endpoint.emulator.errors import AwsError

Properties = Mapping[str, Any]
Created = tuple[str, dict[str, str]]

# CloudFormation itself gives up on an endpoint after hours; real processes here start within minutes.
_ENDPOINT_SECONDS = 1800.0
_POLL_SECONDS = 0.1
_TARGET_KEY = ("ResourceId", "ScalableDimension", "ServiceNamespace")
# Members of a template that only UpdateEndpoint takes, or that say how to update.
_UPDATE_ONLY = frozenset({"RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"})


class ResourceHandler(Protocol):
    """How one resource type is created, updated in place and deleted; a service's errors come through as they are."""

    def create(self, region: Services, logical_id: str, properties: Properties) -> Created:
        """Create it; answers physical id and attributes."""

    def update(self, region: Services, physical_id: str, old: Properties, new: Properties) -> Created:
        """Update it in place."""

    def delete(self, region: Services, physical_id: str, properties: Properties) -> None:
        """Delete it; what is gone already is no error."""


@dataclass(frozen=True)
class ResourceType:
    """One type.

    Attributes:
        handler: What does the work.
        replacing: Properties of which a change replaces the resource.
        blocks: Whether the handler waits for processes or other services, so that it needs a thread of its own.
    """

    handler: ResourceHandler
    replacing: tuple[str, ...]
    blocks: bool = False


@dataclass(frozen=True)
class _Named:
    """A Model or an EndpointConfig: anything but a change of tags replaces it."""

    kind: str

    def create(self, region: Services, logical_id: str, properties: Properties) -> Created:
        name = properties.get(f"{self.kind}Name") or _generated_name(logical_id)
        answer = region.sagemaker.call(f"Create{self.kind}", {**properties, f"{self.kind}Name": name})
        return answer[f"{self.kind}Arn"], {f"{self.kind}Name": name, f"{self.kind}Arn": answer[f"{self.kind}Arn"]}

    def update(self, region: Services, physical_id: str, old: Properties, new: Properties) -> Created:
        _update_tags(region, physical_id, old, new)
        name = _name(physical_id)
        return physical_id, {f"{self.kind}Name": name, f"{self.kind}Arn": physical_id}

    def delete(self, region: Services, physical_id: str, properties: Properties) -> None:
        del properties
        _ignoring_absence(lambda: region.sagemaker.call(f"Delete{self.kind}", {f"{self.kind}Name": _name(physical_id)}))


class _Endpoint:
    """An Endpoint: a new config is an update in place; CloudFormation waits until it serves, or reports why not."""

    def create(self, region: Services, logical_id: str, properties: Properties) -> Created:
        name = properties.get("EndpointName") or _generated_name(logical_id)
        request = {key: value for key, value in properties.items() if key not in _UPDATE_ONLY}
        arn = region.sagemaker.call("CreateEndpoint", {**request, "EndpointName": name})["EndpointArn"]
        try:
            self._await_config(region, name, request["EndpointConfigName"])
        except ValueError:
            # CloudFormation deletes what it failed to create; the caller of this handler never learns the id to delete.
            self.delete(region, arn, properties)
            raise
        return arn, {"EndpointName": name}

    def update(self, region: Services, physical_id: str, old: Properties, new: Properties) -> Created:
        name = _name(physical_id)
        _update_tags(region, physical_id, old, new)
        request = {key: new[key] for key in ("EndpointConfigName", "DeploymentConfig", *_UPDATE_ONLY) if key in new}
        endpoint = region.sagemaker.endpoint(name)
        serves_it = endpoint is not None and endpoint.config.get("EndpointConfigName") == new["EndpointConfigName"]
        if {**old, "Tags": None} != {**new, "Tags": None} and not serves_it:
            region.sagemaker.call("UpdateEndpoint", {**request, "EndpointName": name})
            self._await_config(region, name, new["EndpointConfigName"])
        return physical_id, {"EndpointName": name}

    def delete(self, region: Services, physical_id: str, properties: Properties) -> None:
        del properties
        name = _name(physical_id)
        deadline = time.monotonic() + _ENDPOINT_SECONDS
        while region.sagemaker.endpoint(name) is not None:
            try:
                region.sagemaker.call("DeleteEndpoint", {"EndpointName": name})
            except AwsError as error:
                # In a transition an endpoint cannot be deleted; CloudFormation tries again until it can.
                if not error.message.startswith(("Cannot update in-progress", "Could not find")):
                    raise
            if time.monotonic() > deadline:
                raise ValueError(f"Resource timed out waiting for endpoint {name} to be deleted.")
            time.sleep(_POLL_SECONDS)

    @staticmethod
    def _await_config(region: Services, name: str, config_name: str) -> None:
        """Wait for InService on that config; a rollback to the old one is a failure, too."""
        endpoint = region.sagemaker.endpoint(name)
        if endpoint is None or not endpoint.wait(_ENDPOINT_SECONDS):
            raise ValueError(f"Resource timed out waiting for endpoint {name} to stabilize.")
        if endpoint.status != "InService" or endpoint.config.get("EndpointConfigName") != config_name:
            raise ValueError(f"AWS::SageMaker::Endpoint {name} failed to stabilize: {endpoint.failure_reason}")


class _ScalableTarget:
    """A ScalableTarget with its scheduled actions; its physical id is `resource|dimension|namespace`, as in AWS."""

    def create(self, region: Services, logical_id: str, properties: Properties) -> Created:
        del logical_id
        self._register(region, properties)
        parts = (properties["ResourceId"], properties["ScalableDimension"], properties["ServiceNamespace"])
        return "|".join(parts), {"Id": "|".join(parts)}

    def update(self, region: Services, physical_id: str, old: Properties, new: Properties) -> Created:
        self._register(region, new)
        kept = {action["ScheduledActionName"] for action in new.get("ScheduledActions") or ()}
        for action in old.get("ScheduledActions") or ():
            if (name := action["ScheduledActionName"]) not in kept:
                delete = partial(region.autoscaling.call, "DeleteScheduledAction")
                _ignoring_absence(partial(delete, {**self._key(physical_id), "ScheduledActionName": name}))
        return physical_id, {"Id": physical_id}

    def delete(self, region: Services, physical_id: str, properties: Properties) -> None:
        del properties
        request = self._key(physical_id)
        _ignoring_absence(lambda: region.autoscaling.call("DeregisterScalableTarget", request))

    @staticmethod
    def _register(region: Services, properties: Properties) -> None:
        target = {key: value for key, value in properties.items() if key != "ScheduledActions"}
        region.autoscaling.call("RegisterScalableTarget", target)
        key = {name: properties[name] for name in _TARGET_KEY}
        for action in properties.get("ScheduledActions") or ():
            region.autoscaling.call("PutScheduledAction", {**key, **action})

    @staticmethod
    def _key(physical_id: str) -> dict[str, str]:
        return dict(zip(_TARGET_KEY, physical_id.split("|"), strict=True))


class _ScalingPolicy:
    """A ScalingPolicy, of a target named by its id or by its three parts."""

    def create(self, region: Services, logical_id: str, properties: Properties) -> Created:
        del logical_id
        arn = region.autoscaling.call("PutScalingPolicy", self._request(properties))["PolicyARN"]
        return arn, {"Arn": arn}

    def update(self, region: Services, physical_id: str, old: Properties, new: Properties) -> Created:
        del old
        region.autoscaling.call("PutScalingPolicy", self._request(new))
        return physical_id, {"Arn": physical_id}

    def delete(self, region: Services, physical_id: str, properties: Properties) -> None:
        del physical_id
        request = self._request(properties)
        keys = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
        _ignoring_absence(lambda: region.autoscaling.call("DeleteScalingPolicy", {key: request[key] for key in keys}))

    @staticmethod
    def _request(properties: Properties) -> dict[str, Any]:
        request = dict(properties)
        target = request.pop("ScalingTargetId", None)
        if target is not None:
            request |= dict(zip(_TARGET_KEY, target.split("|"), strict=True))
        return request


RESOURCE_TYPES: dict[str, ResourceType] = {
    "AWS::SageMaker::Model": ResourceType(
        _Named("Model"),
        (
            "ModelName",
            "PrimaryContainer",
            "Containers",
            "ExecutionRoleArn",
            "VpcConfig",
            "EnableNetworkIsolation",
            "InferenceExecutionConfig",
        ),
        blocks=True,
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        _Named("EndpointConfig"),
        (
            "EndpointConfigName",
            "ProductionVariants",
            "ShadowProductionVariants",
            "AsyncInferenceConfig",
            "DataCaptureConfig",
            "ExplainerConfig",
            "ExecutionRoleArn",
            "KmsKeyId",
            "VpcConfig",
            "EnableNetworkIsolation",
        ),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(_Endpoint(), ("EndpointName",), blocks=True),
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        _ScalableTarget(), ("ResourceId", "ScalableDimension", "ServiceNamespace"), blocks=True
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        _ScalingPolicy(),
        ("PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"),
        blocks=True,
    ),
}


def _generated_name(logical_id: str) -> str:
    """A name that nothing else has, within SageMaker's 63 characters."""
    return f"{logical_id[:50]}-{uuid4().hex[:12]}"


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _update_tags(region: Services, arn: str, old: Properties, new: Properties) -> None:
    gone = {tag["Key"] for tag in old.get("Tags") or ()} - {tag["Key"] for tag in new.get("Tags") or ()}
    if gone:
        region.sagemaker.call("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})
    if new.get("Tags"):
        region.sagemaker.call("AddTags", {"ResourceArn": arn, "Tags": new["Tags"]})


def _ignoring_absence(delete: Callable[[], object]) -> None:
    """Delete; that the resource is gone already is what a deletion wants."""
    try:
        delete()
    except AwsError as error:
        if not (error.message.startswith("Could not find") or error.code == "ObjectNotFoundException"):
            raise
