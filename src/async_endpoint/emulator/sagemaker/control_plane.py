"""SageMaker's hosting operations for one region: models, endpoint configs, endpoints and their tags."""

import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.emulator.errors import AwsError, UnknownOperation, ValidationException
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.sagemaker.descriptions import description, summary
from async_endpoint.emulator.sagemaker.listing import Json, list_resources, paginate
from async_endpoint.emulator.sagemaker.named_resources import ENDPOINT_CONFIG, MODEL, NamedResources
from async_endpoint.emulator.sagemaker.request_rules import check_capacities, check_endpoint_config, check_model
from async_endpoint.emulator.sagemaker.tags import Tags
from async_endpoint.emulator.service_models import validated

logger = logging.getLogger(__name__)


class ScalableTargets(Protocol):
    """What SageMaker needs of Application Auto Scaling; a resource id is `endpoint/NAME/variant/VARIANT`."""

    def is_registered(self, resource_id: str) -> bool:
        """Returns whether a variant is a scalable target."""

    def deregister(self, resource_id: str) -> None:
        """Deregisters a variant, if it is a scalable target."""


class ControlPlane:
    """SageMaker's operations on JSON objects; thread-safe.

    Args:
        context: What the deployments of the region share.
        targets: The region's Application Auto Scaling.
    """

    def __init__(self, context: HostingContext, targets: ScalableTargets) -> None:
        self._context = context
        self._targets = targets
        prefix = f"arn:aws:sagemaker:{context.clients.region}:{context.clients.account}"
        self._tags = Tags()
        self._models = NamedResources(MODEL, prefix, self._tags, context.clock)
        self._configs = NamedResources(ENDPOINT_CONFIG, prefix, self._tags, context.clock)
        self._endpoints: dict[str, HostedEndpoint] = {}
        self._stopping = False
        self._lock = threading.RLock()
        self._operations: dict[str, Callable[[Json], Json]] = {
            "CreateModel": self.create_model,
            "DescribeModel": self._models.describe,
            "DeleteModel": self._models.delete,
            "ListModels": self._models.list,
            "CreateEndpointConfig": self.create_endpoint_config,
            "DescribeEndpointConfig": self._configs.describe,
            "DeleteEndpointConfig": self._configs.delete,
            "ListEndpointConfigs": self._configs.list,
            "CreateEndpoint": self.create_endpoint,
            "DescribeEndpoint": self.describe_endpoint,
            "UpdateEndpoint": self.update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self.update_capacities,
            "DeleteEndpoint": self.delete_endpoint,
            "ListEndpoints": self.list_endpoints,
            "AddTags": self.add_tags,
            "ListTags": self.list_tags,
            "DeleteTags": self.delete_tags,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> Json:
        """Carries out one operation; CreateModel blocks until IAM has returned the role.

        Raises:
            AwsError: The request is not valid, or the state of a resource forbids the operation.
        """
        if operation not in self._operations:
            raise UnknownOperation("sagemaker", operation)
        members = validated("sagemaker", operation, request)
        if operation == "CreateModel" and (message := self._context.roles.model_rejection(members)):
            raise ValidationException(message)
        with self._lock:
            return self._operations[operation](members)

    def endpoint(self, name: str) -> HostedEndpoint | None:
        """Returns the endpoint of that name, if there is one."""
        return self._endpoints.get(name)

    def endpoints(self) -> list[HostedEndpoint]:
        """Returns every endpoint."""
        with self._lock:
            return list(self._endpoints.values())

    def state(self) -> Json:
        """Returns every resource, as plain JSON for `restore`; call it when the endpoints are stopped."""
        with self._lock:
            return {
                "models": self._models.state(),
                "configs": self._configs.state(),
                "tags": self._tags.state(),
                "endpoints": [endpoint.state() for endpoint in self._endpoints.values()],
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned; nothing starts until `resume`."""
        self._models.restore(state["models"])
        self._configs.restore(state["configs"])
        self._tags.restore(state["tags"])
        for kept in state["endpoints"]:
            endpoint = HostedEndpoint(kept["name"], self._context)
            self._endpoints[endpoint.name] = endpoint
            endpoint.restore(kept)

    def resume(self) -> None:
        """Lets restored endpoints serve again, and continues what was interrupted; call it when the local AWS responds.

        A creation and a deletion begin anew; an update is given up, and the old configuration stays.
        """
        for endpoint in self.endpoints():
            try:
                endpoint.resume()
            except Exception:  # the other endpoints do resume
                logger.exception("endpoint %s could not resume", endpoint.name)
            if endpoint.status == "Deleting":
                threading.Thread(target=self._delete, args=(endpoint,), daemon=True).start()

    def stop(self) -> list[HostedEndpoint]:
        """Creates no endpoint any more, because the local AWS stops; returns the existing ones, to be stopped."""
        with self._lock:
            self._stopping = True
            return list(self._endpoints.values())

    def create_model(self, request: Json) -> Json:
        """Carries out CreateModel, for models of one container."""
        check_model(request)
        return self._models.create({"EnableNetworkIsolation": False, **request})

    def create_endpoint_config(self, request: Json) -> Json:
        """Carries out CreateEndpointConfig, for asynchronous endpoints."""
        for variant in request["ProductionVariants"]:
            if "ModelName" in variant:
                self._models.get(variant["ModelName"])
        check_endpoint_config(request)
        (variant,) = request["ProductionVariants"]
        weighted = {"InitialVariantWeight": 1.0, **variant}  # the default, which DescribeEndpointConfig shows
        return self._configs.create({**request, "ProductionVariants": [weighted]})

    def create_endpoint(self, request: Json) -> Json:
        """Starts CreateEndpoint; the status goes from Creating to InService or Failed."""
        endpoint = HostedEndpoint(request["EndpointName"], self._context)
        if self._stopping:
            raise AwsError("The local AWS is stopping.", "ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        if endpoint.name in self._endpoints:
            raise ValidationException(f'Cannot create already existing endpoint "{endpoint.arn}".')
        config, model = self._config_and_model(request["EndpointConfigName"])
        endpoint.deploy(config, model, deployment_config=request.get("DeploymentConfig"))
        self._endpoints[endpoint.name] = endpoint
        self._tags.add(endpoint.arn, request)
        return {"EndpointArn": endpoint.arn}

    def update_endpoint(self, request: Json) -> Json:
        """Starts UpdateEndpoint: blue/green, all at once; the status goes over Updating to InService."""
        endpoint = self._existing(request)
        config, model = self._config_and_model(request["EndpointConfigName"])
        self._check_scaled_change(endpoint, config)
        excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", ())}
        retains = request.get("RetainAllVariantProperties", False)
        retained = endpoint.deployment_config if request.get("RetainDeploymentConfig", False) else None
        deployment_config = request.get("DeploymentConfig", retained)
        endpoint.deploy(
            config,
            model,
            keep_count=retains and "DesiredInstanceCount" not in excluded,
            keep_weight=retains and "DesiredWeight" not in excluded,
            deployment_config=deployment_config,
        )
        return {"EndpointArn": endpoint.arn}

    def update_capacities(self, request: Json) -> Json:
        """Starts UpdateEndpointWeightsAndCapacities: the count of instances, zero included, and the weight."""
        endpoint = self._existing(request)
        names = [change["VariantName"] for change in request["DesiredWeightsAndCapacities"]]
        variant = None if endpoint.deployment is None else endpoint.deployment.variant["VariantName"]
        check_capacities(names, variant, endpoint.config.get("EndpointConfigName", ""))
        change = request["DesiredWeightsAndCapacities"][0]  # of the one variant
        endpoint.set_capacity(change.get("DesiredInstanceCount"), change.get("DesiredWeight"))
        return {"EndpointArn": endpoint.arn}

    def delete_endpoint(self, request: Json) -> Json:
        """Starts DeleteEndpoint; the scalable target is gone at once, the endpoint when its instances are."""
        endpoint = self._existing(request)
        endpoint.begin_delete()
        if endpoint.deployment is not None:
            self._targets.deregister(_resource_id(endpoint.name, endpoint.deployment))
        threading.Thread(target=self._delete, args=(endpoint,), name=f"delete-{endpoint.name}", daemon=True).start()
        return {}

    def describe_endpoint(self, request: Json) -> Json:
        """Carries out DescribeEndpoint."""
        return description(self._existing(request))

    def list_endpoints(self, request: Json) -> Json:
        """Carries out ListEndpoints."""
        wanted = request.get("StatusEquals")
        summaries = [summary(endpoint) for endpoint in self._endpoints.values() if wanted in (None, endpoint.status)]
        return list_resources("Endpoints", "EndpointName", summaries, request)

    def add_tags(self, request: Json) -> Json:
        """Carries out AddTags; existing keys are overwritten."""
        arn = self._tagged(request)
        self._tags.add(arn, request)
        return {"Tags": self._tags.listed(arn)}

    def list_tags(self, request: Json) -> Json:
        """Carries out ListTags."""
        return paginate("Tags", self._tags.listed(self._tagged(request)), request)

    def delete_tags(self, request: Json) -> Json:
        """Carries out DeleteTags."""
        self._tags.remove(self._tagged(request), request["TagKeys"])
        return {}

    def _tagged(self, request: Json) -> str:
        """Returns the ARN that a request on tags names."""
        arn: str = request["ResourceArn"]
        endpoint = self._endpoints.get(arn.rpartition("/")[2])
        if arn in self._models or arn in self._configs or (endpoint is not None and endpoint.arn == arn):
            return arn
        raise ValidationException(f'Could not find resource "{arn}".')

    def _existing(self, request: Json) -> HostedEndpoint:
        name = request["EndpointName"]
        if name not in self._endpoints:
            arn = HostedEndpoint(name, self._context).arn
            raise ValidationException(f'Could not find endpoint "{arn}".')
        return self._endpoints[name]

    def _config_and_model(self, config_name: str) -> tuple[Json, Json]:
        config = self._configs.get(config_name)
        return config, self._models.get(config["ProductionVariants"][0]["ModelName"])

    def _check_scaled_change(self, endpoint: HostedEndpoint, config: Json) -> None:
        """Rejects another variant, or another instance type, while the variant is a scalable target.

        Source: the developer guide, "Update endpoints that use automatic scaling": deregister it first.
        """
        deployment = endpoint.deployment
        if deployment is None or not self._targets.is_registered(_resource_id(endpoint.name, deployment)):
            return
        old, new = deployment.variant, config["ProductionVariants"][0]
        for member in ("VariantName", "InstanceType"):
            if new.get(member) != old.get(member):
                raise ValidationException(
                    f"An Application AutoScaling scalable target exists for variant {old['VariantName']} of endpoint "
                    f"{endpoint.name}: deregister it before you change the variant's {member}."
                )

    def _delete(self, endpoint: HostedEndpoint) -> None:
        try:
            if not endpoint.delete():
                return  # the local AWS stops: its next start continues the deletion
        except Exception:
            logger.exception("endpoint %s: its deletion left something behind", endpoint.name)
        with self._lock:
            del self._endpoints[endpoint.name]
            self._tags.forget(endpoint.arn)
            self._context.history.forget(endpoint.name)


def _resource_id(name: str, deployment: Deployment) -> str:
    """Returns the resource id of the variant with which an endpoint serves."""
    return TargetKey(name, deployment.variant["VariantName"]).resource_id
