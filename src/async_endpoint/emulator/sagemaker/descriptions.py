"""An endpoint as DescribeEndpoint and ListEndpoints show it."""

from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.model import primary_container
from async_endpoint.emulator.sagemaker.listing import Json


def description(endpoint: HostedEndpoint) -> Json:
    """Returns DescribeEndpoint's response; times are in epoch seconds on AWS's clock."""
    described: Json = {
        **summary(endpoint),
        "EndpointConfigName": endpoint.config["EndpointConfigName"],
        "AsyncInferenceConfig": endpoint.config["AsyncInferenceConfig"],
    }
    if (serving := endpoint.deployment) is not None:
        described["ProductionVariants"] = [_variant(endpoint, serving, endpoint.weight)]
    if (pending := endpoint.pending) is not None:
        described["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending.config["EndpointConfigName"],
            "ProductionVariants": [
                {"InstanceType": pending.variant["InstanceType"], **_variant(endpoint, pending, None)}
            ],
            "StartTime": endpoint.began_at,
        }
    if endpoint.deployment_config is not None:
        described["LastDeploymentConfig"] = endpoint.deployment_config
    if endpoint.failure_reason is not None:
        described["FailureReason"] = endpoint.failure_reason
    return described


def summary(endpoint: HostedEndpoint) -> Json:
    """Returns an EndpointSummary of ListEndpoints."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created_at,
        "LastModifiedTime": endpoint.modified_at,
        "EndpointStatus": endpoint.status,
    }


def _variant(endpoint: HostedEndpoint, deployment: Deployment, weight: float | None) -> Json:
    """Returns the variant of a deployment; its weight is the one given, else its config's."""
    image = primary_container(deployment.model).get("Image", "")
    shown = float(deployment.variant.get("InitialVariantWeight", 1.0)) if weight is None else weight
    return {
        "VariantName": deployment.variant["VariantName"],
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.modified_at}],
        "CurrentWeight": shown,
        "DesiredWeight": shown,
        "CurrentInstanceCount": deployment.fleet.running,
        "DesiredInstanceCount": deployment.fleet.desired,
    }
