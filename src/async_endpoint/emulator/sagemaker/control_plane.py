"""SageMaker's hosting operations for one region: models, endpoint configs, endpoints and their tags."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from async_endpoint.emulator.errors import AwsError, UnknownOperation, ValidationException
from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.sagemaker.descriptions import description, summary
from async_endpoint.emulator.sagemaker.named_resources import Json, NamedResources, Tags, cut, page
from async_endpoint.emulator.service_models import validated
from async_endpoint.protocol.locations import LocationError, S3Location

logger = logging.getLogger(__name__)


class ScalableTargets(Protocol):
    """What SageMaker asks of Application Auto Scaling; a resource id is `endpoint/NAME/variant/VARIANT`."""

    def is_registered(self, resource_id: str) -> bool:
        """Whether a variant is a scalable target."""

    def deregister(self, resource_id: str) -> None:
        """Let a variant be one no longer; does nothing if it is none."""


class ControlPlane:
    """Answers SageMaker's operations as JSON objects in, JSON objects out; thread-safe.

    Args:
        context: Where endpoints run.
        targets: The region's Application Auto Scaling.
    """

    def __init__(self, context: HostingContext, targets: ScalableTargets) -> None:
        self._site = context
        self._targets = targets
        prefix = f"arn:aws:sagemaker:{context.clients.region}:{context.clients.account}"
        self._tags = Tags()
        self._models = NamedResources("Model", "model", "model", prefix, self._tags, context.clock)
        self._configs = NamedResources(
            "EndpointConfig", "endpoint configuration", "endpoint-config", prefix, self._tags, context.clock
        )
        self._endpoints: dict[str, HostedEndpoint] = {}
        self._ending = False
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
            "ListTags": lambda request: cut("Tags", self._tags.listed(self._tagged(request)), request),
            "DeleteTags": self.delete_tags,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> Json:
        """Answer one operation; CreateModel blocks, for as long as IAM takes to answer about the role.

        Raises:
            AwsError: The request does not fit, or the state of a resource forbids it.
        """
        if operation not in self._operations:
            raise UnknownOperation("sagemaker", operation)
        members = validated("sagemaker", operation, request)
        if operation == "CreateModel" and (refusal := self._site.roles.model_rejection(members)):
            raise ValidationException(refusal)
        with self._lock:
            return self._operations[operation](members)

    def endpoint(self, name: str) -> HostedEndpoint | None:
        """The endpoint of that name, if there is one."""
        return self._endpoints.get(name)

    def endpoints(self) -> list[HostedEndpoint]:
        """Every endpoint."""
        with self._lock:
            return list(self._endpoints.values())

    def state(self) -> Json:
        """Every resource, as plain JSON for `restore`; to be called when the endpoints are stopped."""
        with self._lock:
            return {
                "models": self._models.state(),
                "configs": self._configs.state(),
                "tags": self._tags.state(),
                "endpoints": [endpoint.state() for endpoint in self._endpoints.values()],
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what `state` gave; nothing starts until `resume`."""
        self._models.restore(state["models"])
        self._configs.restore(state["configs"])
        self._tags.restore(state["tags"])
        for kept in state["endpoints"]:
            endpoint = HostedEndpoint(kept["name"], self._site)
            self._endpoints[endpoint.name] = endpoint
            endpoint.restore(kept)

    def resume(self) -> None:
        """Have restored endpoints serve again, and take up what was broken off; when the local AWS answers.

        A creation and a deletion begin anew; an update is given up, and the old configuration goes on.
        """
        for endpoint in self.endpoints():
            try:
                endpoint.resume()
            except Exception:  # the others do go on
                logger.exception("endpoint %s could not go on", endpoint.name)
            if endpoint.status == "Deleting":
                threading.Thread(target=self._delete, args=(endpoint,), daemon=True).start()

    def end(self) -> list[HostedEndpoint]:
        """Make no endpoint any more, because the local AWS ends; answers those that there are, to be stopped."""
        with self._lock:
            self._ending = True
            return list(self._endpoints.values())

    def create_model(self, request: Json) -> Json:
        """CreateModel, for models of one container."""
        containers = request.get("Containers", [])
        if "PrimaryContainer" in request and containers:
            raise ValidationException("A model has either a PrimaryContainer or Containers: give one of the two.")
        if "PrimaryContainer" not in request and len(containers) != 1:
            raise ValidationException(
                f"The local AWS serves models of one container, not {len(containers)}: give a PrimaryContainer."
            )
        return self._models.create({"EnableNetworkIsolation": False, **request})

    def create_endpoint_config(self, request: Json) -> Json:
        """CreateEndpointConfig, for asynchronous endpoints."""
        for variant in request["ProductionVariants"]:
            if "ModelName" in variant:
                self._models.get(variant["ModelName"])
        if "AsyncInferenceConfig" not in request:
            raise ValidationException("The local AWS hosts asynchronous endpoints: give an AsyncInferenceConfig.")
        if request.get("ShadowProductionVariants"):
            raise ValidationException("Asynchronous endpoints take no shadow variants.")
        if len(request["ProductionVariants"]) != 1:
            raise ValidationException("The local AWS hosts endpoints of exactly one production variant.")
        variant = request["ProductionVariants"][0]
        _check_variant(variant)
        for member in ("S3OutputPath", "S3FailurePath"):
            path = request["AsyncInferenceConfig"]["OutputConfig"].get(member)
            try:
                if path is not None:
                    S3Location.parse_prefix(path)
            except LocationError as error:
                raise ValidationException(f"Invalid {member}: {error}") from error
        weighted = {"InitialVariantWeight": 1.0, **variant}  # the default, which DescribeEndpointConfig shows
        return self._configs.create({**request, "ProductionVariants": [weighted]})

    def create_endpoint(self, request: Json) -> Json:
        """CreateEndpoint: answers at once; the status goes from Creating to InService or Failed."""
        endpoint = HostedEndpoint(request["EndpointName"], self._site)
        if self._ending:
            raise AwsError("The local AWS is ending.", "ServiceUnavailable", 503)
        if endpoint.name in self._endpoints:
            raise ValidationException(f'Cannot create already existing endpoint "{endpoint.arn}".')
        config, model = self._config_and_model(request["EndpointConfigName"])
        endpoint.deploy(config, model, deployment_config=request.get("DeploymentConfig"))
        self._endpoints[endpoint.name] = endpoint
        self._tags.add(endpoint.arn, request)
        return {"EndpointArn": endpoint.arn}

    def update_endpoint(self, request: Json) -> Json:
        """UpdateEndpoint: blue/green, all at once; answers at once, the status goes over Updating to InService."""
        endpoint = self._existing(request)
        config, model = self._config_and_model(request["EndpointConfigName"])
        self._refuse_scaled_change(endpoint, config)
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
        """UpdateEndpointWeightsAndCapacities: the count of instances, zero included, and the weight."""
        endpoint = self._existing(request)
        names = [change["VariantName"] for change in request["DesiredWeightsAndCapacities"]]
        for name in names:
            if endpoint.deployment is not None and name != endpoint.deployment.variant["VariantName"]:
                raise ValidationException(
                    f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                    f'"{endpoint.config["EndpointConfigName"]}".'
                )
            if names.count(name) > 1:
                raise ValidationException(f'The variant name "{name}" was non-unique within the request.')
        change = request["DesiredWeightsAndCapacities"][0]  # of the one variant
        endpoint.set_capacity(change.get("DesiredInstanceCount"), change.get("DesiredWeight"))
        return {"EndpointArn": endpoint.arn}

    def delete_endpoint(self, request: Json) -> Json:
        """DeleteEndpoint: answers at once; the endpoint is gone when its instances are, its scalable target at once."""
        endpoint = self._existing(request)
        endpoint.begin_delete()
        if endpoint.deployment is not None:
            self._targets.deregister(_resource_id(endpoint.name, endpoint.deployment))
        threading.Thread(target=self._delete, args=(endpoint,), name=f"delete-{endpoint.name}", daemon=True).start()
        return {}

    def describe_endpoint(self, request: Json) -> Json:
        """DescribeEndpoint."""
        return description(self._existing(request))

    def list_endpoints(self, request: Json) -> Json:
        """ListEndpoints."""
        wanted = request.get("StatusEquals")
        summaries = [summary(endpoint) for endpoint in self._endpoints.values() if wanted in (None, endpoint.status)]
        return page("Endpoints", "EndpointName", summaries, request)

    def add_tags(self, request: Json) -> Json:
        """AddTags: existing keys are overwritten."""
        arn = self._tagged(request)
        self._tags.add(arn, request)
        return {"Tags": self._tags.listed(arn)}

    def delete_tags(self, request: Json) -> Json:
        """DeleteTags."""
        self._tags.remove(self._tagged(request), request["TagKeys"])
        return {}

    def _tagged(self, request: Json) -> str:
        """The ARN that a request on tags names."""
        arn: str = request["ResourceArn"]
        endpoint = self._endpoints.get(arn.rpartition("/")[2])
        if arn in self._models or arn in self._configs or (endpoint is not None and endpoint.arn == arn):
            return arn
        raise ValidationException(f'Could not find resource "{arn}".')

    def _existing(self, request: Json) -> HostedEndpoint:
        name = request["EndpointName"]
        if name not in self._endpoints:
            arn = HostedEndpoint(name, self._site).arn
            raise ValidationException(f'Could not find endpoint "{arn}".')
        return self._endpoints[name]

    def _config_and_model(self, config_name: str) -> tuple[Json, Json]:
        config = self._configs.get(config_name)
        return config, self._models.get(config["ProductionVariants"][0]["ModelName"])

    def _refuse_scaled_change(self, endpoint: HostedEndpoint, config: Json) -> None:
        """Refuse another variant, or another instance type, while the variant is a scalable target.

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
                return  # the next life goes on with it
        except Exception:
            logger.exception("endpoint %s: its deletion left something behind", endpoint.name)
        with self._lock:
            del self._endpoints[endpoint.name]
            self._tags.forget(endpoint.arn)
            self._site.history.forget(endpoint.name)


def _check_variant(variant: Json) -> None:
    """Refuse a variant that no asynchronous endpoint can have."""
    name = variant["VariantName"]
    if "ServerlessConfig" in variant:
        raise ValidationException(f"The variant {name} is serverless, which asynchronous endpoints cannot be.")
    for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
        if member not in variant:
            raise ValidationException(f"The variant {name} has no {member}: give one.")
    if variant["InstanceType"].startswith(("ml.inf1.", "ml.inf2.")):
        raise ValidationException(f"Asynchronous endpoints do not run on {variant['InstanceType']} (variant {name}).")


def _resource_id(name: str, deployment: Deployment) -> str:
    """What Application Auto Scaling calls the variant with which an endpoint of a name serves."""
    return f"endpoint/{name}/variant/{deployment.variant['VariantName']}"
