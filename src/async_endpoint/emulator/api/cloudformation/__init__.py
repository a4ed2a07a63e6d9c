"""The resource types that the local AWS adds to CloudFormation."""

from async_endpoint.emulator.api.cloudformation import application_autoscaling, sagemaker
from async_endpoint.emulator.api.cloudformation.resource_type import ResourceType

__all__ = ["RESOURCE_TYPES", "ResourceType"]

RESOURCE_TYPES: dict[str, ResourceType] = {**sagemaker.RESOURCE_TYPES, **application_autoscaling.RESOURCE_TYPES}
