"""SageMaker's resource types for CloudFormation.

Source of what is replaced and what is updated in place: the resource schemas. `Ref` of these types returns the ARN.
"""

import time
from dataclasses import dataclass
from functools import partial

from async_endpoint.emulator.api.cloudformation.resource_type import (
    Created,
    Properties,
    ResourceType,
    delete_if_present,
    generated_name,
)
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.errors import AwsError

# CloudFormation itself gives up on an endpoint after hours; real processes here start within minutes.
_ENDPOINT_SECONDS = 1800.0
_POLL_SECONDS = 0.1
# Members of a template that only UpdateEndpoint takes, or that say how to update.
_UPDATE_ONLY = frozenset({"RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig"})


@dataclass(frozen=True)
class _Named:
    """A Model or an EndpointConfig: anything but a change of tags replaces it."""

    kind: str

    def create(self, region: RegionServices, logical_id: str, properties: Properties) -> Created:
        name = properties.get(f"{self.kind}Name") or generated_name(logical_id)
        request = {**properties, f"{self.kind}Name": name}
        arn = region.sagemaker.call(f"Create{self.kind}", request)[f"{self.kind}Arn"]
        return arn, {f"{self.kind}Name": name, f"{self.kind}Arn": arn}

    def update(self, region: RegionServices, physical_id: str, old: Properties, new: Properties) -> Created:
        _update_tags(region, physical_id, old, new)
        name = _name(physical_id)
        return physical_id, {f"{self.kind}Name": name, f"{self.kind}Arn": physical_id}

    def delete(self, region: RegionServices, physical_id: str, properties: Properties) -> None:
        del properties
        request = {f"{self.kind}Name": _name(physical_id)}
        delete_if_present(partial(region.sagemaker.call, f"Delete{self.kind}", request))


class _Endpoint:
    """An Endpoint: a new config is an update in place; CloudFormation waits until it serves, or reports why not."""

    def create(self, region: RegionServices, logical_id: str, properties: Properties) -> Created:
        name = properties.get("EndpointName") or generated_name(logical_id)
        request = {key: value for key, value in properties.items() if key not in _UPDATE_ONLY}
        arn = region.sagemaker.call("CreateEndpoint", {**request, "EndpointName": name})["EndpointArn"]
        try:
            self._await_config(region, name, request["EndpointConfigName"])
        except ValueError:
            # CloudFormation deletes what it failed to create; the caller of this handler never learns the id to delete.
            self.delete(region, arn, properties)
            raise
        return arn, {"EndpointName": name}

    def update(self, region: RegionServices, physical_id: str, old: Properties, new: Properties) -> Created:
        name = _name(physical_id)
        _update_tags(region, physical_id, old, new)
        request = {key: new[key] for key in ("EndpointConfigName", "DeploymentConfig", *_UPDATE_ONLY) if key in new}
        endpoint = region.sagemaker.endpoint(name)
        serves_it = endpoint is not None and endpoint.config.get("EndpointConfigName") == new["EndpointConfigName"]
        if {**old, "Tags": None} != {**new, "Tags": None} and not serves_it:
            region.sagemaker.call("UpdateEndpoint", {**request, "EndpointName": name})
            self._await_config(region, name, new["EndpointConfigName"])
        return physical_id, {"EndpointName": name}

    def delete(self, region: RegionServices, physical_id: str, properties: Properties) -> None:
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
    def _await_config(region: RegionServices, name: str, config_name: str) -> None:
        """Waits for InService on that config; a rollback to the old one is a failure, too."""
        endpoint = region.sagemaker.endpoint(name)
        if endpoint is None or not endpoint.wait(_ENDPOINT_SECONDS):
            raise ValueError(f"Resource timed out waiting for endpoint {name} to stabilize.")
        if endpoint.status != "InService" or endpoint.config.get("EndpointConfigName") != config_name:
            raise ValueError(f"AWS::SageMaker::Endpoint {name} failed to stabilize: {endpoint.failure_reason}")


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _update_tags(region: RegionServices, arn: str, old: Properties, new: Properties) -> None:
    gone = {tag["Key"] for tag in old.get("Tags") or ()} - {tag["Key"] for tag in new.get("Tags") or ()}
    if gone:
        region.sagemaker.call("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})
    if new.get("Tags"):
        region.sagemaker.call("AddTags", {"ResourceArn": arn, "Tags": new["Tags"]})


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
}
