"""SageMaker's hosting operations for one region: models, endpoint configs, endpoints and their tags."""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from async_endpoint.emulator.endpoint import HostedEndpoint
from async_endpoint.emulator.errors import UnknownOperation, ValidationException
from async_endpoint.emulator.service_models import validated
from async_endpoint.scaling.clock import Clock

Json = dict[str, Any]

_PAGE_SIZE = 100
# The one family of images whose serving stack this machine has; account, region and tag suffix vary.
_SERVED_IMAGES = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/pytorch-inference:1\.11\.0-[cg]pu-py38-.*"
)


class ControlPlane:
    """Answers SageMaker's operations as JSON objects in, JSON objects out; thread-safe.

    Args:
        region: The region's name.
        account: The account's number.
        clock: AWS's clock.
        new_endpoint: Makes the endpoint of a name.
    """

    def __init__(self, region: str, account: str, clock: Clock, new_endpoint: Callable[[str], HostedEndpoint]) -> None:
        self._arn_prefix = f"arn:aws:sagemaker:{region}:{account}"
        self._clock = clock
        self._new_endpoint = new_endpoint
        self._models: dict[str, Json] = {}
        self._configs: dict[str, Json] = {}
        self._endpoints: dict[str, HostedEndpoint] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()
        self._operations: dict[str, Callable[[Json], Json]] = {
            "CreateModel": self.create_model,
            "DescribeModel": lambda request: self._described(self._models, "Model", request["ModelName"]),
            "DeleteModel": self.delete_model,
            "ListModels": lambda request: self._listed("Models", "Model", self._models, request),
            "CreateEndpointConfig": self.create_endpoint_config,
            "DescribeEndpointConfig": lambda request: self._described(
                self._configs, "EndpointConfig", request["EndpointConfigName"]
            ),
            "DeleteEndpointConfig": self.delete_endpoint_config,
            "ListEndpointConfigs": lambda request: self._listed(
                "EndpointConfigs", "EndpointConfig", self._configs, request
            ),
            "CreateEndpoint": self.create_endpoint,
            "DescribeEndpoint": lambda request: self._describe_endpoint(request["EndpointName"]),
            "UpdateEndpoint": self.update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self.update_capacities,
            "DeleteEndpoint": self.delete_endpoint,
            "ListEndpoints": self._list_endpoints,
            "AddTags": self.add_tags,
            "ListTags": lambda request: {"Tags": _tag_list(self._tags.get(request["ResourceArn"], {}))},
            "DeleteTags": self.delete_tags,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> Json:
        """Answer one operation.

        Raises:
            AwsError: The request does not fit, or the state of a resource forbids it.
        """
        if operation not in self._operations:
            raise UnknownOperation("sagemaker", operation)
        with self._lock:
            return self._operations[operation](validated("sagemaker", operation, request))

    def endpoint(self, name: str) -> HostedEndpoint | None:
        """The endpoint of that name, if there is one."""
        return self._endpoints.get(name)

    def endpoints(self) -> list[HostedEndpoint]:
        """Every endpoint."""
        with self._lock:
            return list(self._endpoints.values())

    # -- models --------------------------------------------------------------------------------------------------

    def create_model(self, request: Json) -> Json:
        """CreateModel, for images whose serving stack this machine can start."""
        if "PrimaryContainer" not in request:
            raise ValidationException("The local AWS serves models with a PrimaryContainer: give one.")
        return {"ModelArn": self._create(self._models, "Model", "model", request)}

    def delete_model(self, request: Json) -> Json:
        """DeleteModel."""
        self._delete(self._models, "Model", request["ModelName"])
        return {}

    # -- endpoint configs ----------------------------------------------------------------------------------------

    def create_endpoint_config(self, request: Json) -> Json:
        """CreateEndpointConfig, for asynchronous endpoints."""
        if "AsyncInferenceConfig" not in request:
            raise ValidationException("The local AWS hosts asynchronous endpoints: give an AsyncInferenceConfig.")
        variants = request["ProductionVariants"]
        if len(variants) != 1:
            raise ValidationException("An asynchronous endpoint takes exactly one production variant.")
        for variant in variants:
            if variant.get("InitialInstanceCount", 0) < 1:
                raise ValidationException(
                    "1 validation error detected: Value at 'productionVariants.1.member.initialInstanceCount' failed "
                    "to satisfy constraint: Member must have value greater than or equal to 1"
                )
            self._require(self._models, "model", variant.get("ModelName", ""))
        arn = self._create(self._configs, "EndpointConfig", "endpoint-config", request)
        return {"EndpointConfigArn": arn}

    def delete_endpoint_config(self, request: Json) -> Json:
        """DeleteEndpointConfig."""
        self._delete(self._configs, "EndpointConfig", request["EndpointConfigName"])
        return {}

    # -- endpoints -----------------------------------------------------------------------------------------------

    def create_endpoint(self, request: Json) -> Json:
        """CreateEndpoint: answers at once; the status goes from Creating to InService or Failed."""
        name = request["EndpointName"]
        if name in self._endpoints:
            raise ValidationException(f'Cannot create already existing endpoint "{self._arn("endpoint", name)}".')
        config, model = self._config_and_model(request["EndpointConfigName"])
        endpoint = self._new_endpoint(name)
        endpoint.deploy(config, model)
        self._endpoints[name] = endpoint
        self._tag(self._arn("endpoint", name), request)
        return {"EndpointArn": self._arn("endpoint", name)}

    def update_endpoint(self, request: Json) -> Json:
        """UpdateEndpoint: blue/green, all at once; answers at once, the status goes over Updating to InService."""
        endpoint = self._existing(request["EndpointName"])
        endpoint.deploy(*self._config_and_model(request["EndpointConfigName"]))
        return {"EndpointArn": self._arn("endpoint", endpoint.name)}

    def update_capacities(self, request: Json) -> Json:
        """UpdateEndpointWeightsAndCapacities: the count of instances, zero included."""
        endpoint = self._existing(request["EndpointName"])
        for change in request["DesiredWeightsAndCapacities"]:
            variant = endpoint.describe_variant()
            if variant is None or change["VariantName"] != variant["VariantName"]:
                raise ValidationException(f'Could not find production variant "{change["VariantName"]}".')
            if "DesiredInstanceCount" in change:
                endpoint.set_capacity(change["DesiredInstanceCount"])
        return {"EndpointArn": self._arn("endpoint", endpoint.name)}

    def delete_endpoint(self, request: Json) -> Json:
        """DeleteEndpoint: answers at once; the endpoint is gone when its instances are."""
        endpoint = self._existing(request["EndpointName"])

        def delete() -> None:
            endpoint.delete()
            with self._lock:
                del self._endpoints[endpoint.name]
                self._tags.pop(self._arn("endpoint", endpoint.name), None)

        if endpoint.begin_delete():
            threading.Thread(target=delete, name=f"delete-{endpoint.name}", daemon=True).start()
        return {}

    def _describe_endpoint(self, name: str) -> Json:
        endpoint = self._existing(name)
        answer: Json = {
            "EndpointName": name,
            "EndpointArn": self._arn("endpoint", name),
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created_at,
            "LastModifiedTime": endpoint.modified_at,
        }
        config = endpoint.config
        answer["EndpointConfigName"] = config["EndpointConfigName"]
        answer["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
        if endpoint.deployment is not None:
            answer["ProductionVariants"] = [endpoint.describe_variant()]
        if endpoint.failure_reason is not None:
            answer["FailureReason"] = endpoint.failure_reason
        return answer

    def _list_endpoints(self, request: Json) -> Json:
        descriptions = [self._describe_endpoint(name) for name in self._endpoints]
        wanted = request.get("StatusEquals")
        summaries = {
            item["EndpointName"]: {
                key: item[key]
                for key in ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
            }
            for item in descriptions
            if wanted is None or item["EndpointStatus"] == wanted
        }
        return _page("Endpoints", "EndpointName", summaries, request)

    # -- tags ----------------------------------------------------------------------------------------------------

    def add_tags(self, request: Json) -> Json:
        """AddTags: existing keys are overwritten."""
        self._tag(request["ResourceArn"], request)
        return {"Tags": _tag_list(self._tags[request["ResourceArn"]])}

    def delete_tags(self, request: Json) -> Json:
        """DeleteTags."""
        for key in request["TagKeys"]:
            self._tags.get(request["ResourceArn"], {}).pop(key, None)
        return {}

    # -- shared --------------------------------------------------------------------------------------------------

    def _config_and_model(self, config_name: str) -> tuple[Json, Json]:
        config = self._require(self._configs, "endpoint configuration", config_name)
        model = self._require(self._models, "model", config["ProductionVariants"][0]["ModelName"])
        image = model["PrimaryContainer"].get("Image", "")
        if not _SERVED_IMAGES.fullmatch(image):
            raise ValidationException(
                f"The local AWS serves the PyTorch 1.11 images (pytorch-inference:1.11.0-…-py38-…), not {image!r}."
            )
        return config, model

    def _create(self, store: dict[str, Json], kind: str, arn_kind: str, request: Json) -> str:
        name = request[f"{kind}Name"]
        arn = self._arn(arn_kind, name)
        if name in store:
            raise ValidationException(f'Cannot create already existing {arn_kind.replace("-", " ")} "{arn}".')
        described = {key: value for key, value in request.items() if key != "Tags"}
        store[name] = {**described, f"{kind}Arn": arn, "CreationTime": self._clock.now()}
        self._tag(arn, request)
        return arn

    def _delete(self, store: dict[str, Json], kind: str, name: str) -> None:
        self._require(store, {"Model": "model", "EndpointConfig": "endpoint configuration"}[kind], name)
        self._tags.pop(store.pop(name)[f"{kind}Arn"], None)

    def _require(self, store: dict[str, Json], noun: str, name: str) -> Json:
        if name not in store:
            arn_kind = "endpoint-config" if noun == "endpoint configuration" else noun
            raise ValidationException(f'Could not find {noun} "{self._arn(arn_kind, name)}".')
        return store[name]

    def _described(self, store: dict[str, Json], kind: str, name: str) -> Json:
        noun = "model" if kind == "Model" else "endpoint configuration"
        return dict(self._require(store, noun, name))

    def _listed(self, member: str, kind: str, store: dict[str, Json], request: Json) -> Json:
        keys = (f"{kind}Name", f"{kind}Arn", "CreationTime")
        summaries = {name: {key: item[key] for key in keys} for name, item in store.items()}
        return _page(member, f"{kind}Name", summaries, request)

    def _existing(self, name: str) -> HostedEndpoint:
        if name not in self._endpoints:
            raise ValidationException(f'Could not find endpoint "{self._arn("endpoint", name)}".')
        return self._endpoints[name]

    def _arn(self, kind: str, name: str) -> str:
        return f"{self._arn_prefix}:{kind}/{name}"

    def _tag(self, arn: str, request: Json) -> None:
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in request.get("Tags", ())})


def _tag_list(tags: Mapping[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _page(member: str, name_key: str, summaries: Mapping[str, Json], request: Json) -> Json:
    """One page of a list operation, newest first unless asked otherwise; the token is the index of the next item."""
    wanted = request.get("NameContains", "").lower()
    by_name = request.get("SortBy") == "Name"
    items = sorted(
        (item for name, item in summaries.items() if wanted in name.lower()),
        key=lambda item: item[name_key] if by_name else item["CreationTime"],
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    begin = int(request.get("NextToken") or 0)
    end = begin + int(request.get("MaxResults", _PAGE_SIZE))
    page: Json = {member: items[begin:end]}
    if end < len(items):
        page["NextToken"] = str(end)
    return page
