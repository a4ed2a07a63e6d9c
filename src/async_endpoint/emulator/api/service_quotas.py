"""Service Quotas: the quotas on the instances of endpoints, generous unless `async-endpoint local quota` sets one.

A change that needs more instances than a quota allows is rejected by `hosting.instance_limits`. A request for an
increase is granted at once. What was set or granted is lost when the local AWS stops.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from async_endpoint.autoscaling.instance_quota_codes import (
    INSTANCE_QUOTA_CODES,
    QUOTA_SERVICE_CODE,
    instance_quota_name,
)
from async_endpoint.emulator.api.json_protocol import json_object, json_response, operation_name
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.errors import AwsError, UnknownOperation
from async_endpoint.emulator.local_routes import Response, Route
from async_endpoint.emulator.loopback import RequestRejected, send_json
from async_endpoint.emulator.sagemaker.listing import paginate
from async_endpoint.emulator.service_models import drop_unknown_members, operation, validated

TARGET_PREFIX = "ServiceQuotasV20190624."
GENEROUS = 100

_SERVICE = "service-quotas"
_HEADERS = {"content-type": "application/json"}
Json = dict[str, Any]


class QuotaError(ValueError):
    """A quota that cannot be set; the message is one sentence."""


class InstanceQuotas:
    """The quotas of one local AWS; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str, int] = {}
        self._granted: dict[tuple[str, str], int] = {}

    def set(self, instance_type: str, value: int) -> None:
        """Sets a type's quota in every region; earlier grants no longer count.

        Raises:
            QuotaError: SageMaker has no such instance type, or the value is not a valid quota.
        """
        if instance_type not in _types().values():
            raise QuotaError(
                f"{instance_type!r} is not an instance type of endpoints: name one such as ml.g4dn.xlarge."
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise QuotaError(f"A quota is a whole number from 0 on, not {value!r}.")
        with self._lock:
            self._set[instance_type] = value
            self._granted = {key: held for key, held in self._granted.items() if key[1] != instance_type}

    def grant(self, region: str, instance_type: str, value: int) -> None:
        """Raises a type's quota in a region."""
        with self._lock:
            self._granted[region, instance_type] = value

    def value(self, region: str, instance_type: str) -> int:
        """Returns a type's quota in a region."""
        with self._lock:
            return self._granted.get((region, instance_type), self._set.get(instance_type, GENEROUS))

    def handle(self, region: RegionServices, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Handles one HTTP request to Service Quotas; header names in lower case."""
        del path
        name = operation_name(headers)
        try:
            request = validated(_SERVICE, name, drop_unknown_members(_SERVICE, name, json_object(body)))
            return json_response(self._call(region, name, request))
        except AwsError as error:
            return error.as_json()

    def _call(self, region: RegionServices, name: str, request: Json) -> Json:
        if request.get("ServiceCode", QUOTA_SERVICE_CODE) != QUOTA_SERVICE_CODE:
            raise _not_found("service")
        is_default = "Default" in name
        match name:
            case "ListServiceQuotas" | "ListAWSDefaultServiceQuotas":
                items = [self._described(region, kind, is_default=is_default) for kind in _types().values()]
                return paginate("Quotas", items, request)
            case "GetServiceQuota" | "GetAWSDefaultServiceQuota":
                return {"Quota": self._described(region, _type_of(request), is_default=is_default)}
            case "RequestServiceQuotaIncrease":
                return {"RequestedQuota": self._increase(region, request)}
            case _:
                raise UnknownOperation(_SERVICE, name)

    def _increase(self, region: RegionServices, request: Json) -> Json:
        kind, wanted = _type_of(request), request["DesiredValue"]
        if wanted <= self.value(region.name, kind):
            raise AwsError(
                "You must provide a quota value greater than the current quota value.",
                "IllegalArgumentException",
                HTTPStatus.BAD_REQUEST,
            )
        self.grant(region.name, kind, int(wanted))
        described = self._described(region, kind, is_default=False)
        kept = ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "Unit", "GlobalQuota")
        return {"Id": uuid4().hex, "DesiredValue": wanted, "Status": "APPROVED"} | {key: described[key] for key in kept}

    def _described(self, region: RegionServices, instance_type: str, *, is_default: bool) -> Json:
        code = _code(instance_type)
        return {
            "ServiceCode": QUOTA_SERVICE_CODE,
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{region.name}:{region.account}:{QUOTA_SERVICE_CODE}/{code}",
            "QuotaCode": code,
            "QuotaName": instance_quota_name(instance_type),
            "Value": float(GENEROUS if is_default else self.value(region.name, instance_type)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


def _not_found(what: str) -> AwsError:
    message = f"The request failed because the specified {what} does not exist."
    return AwsError(message, "NoSuchResourceException", HTTPStatus.BAD_REQUEST)


def quotas_route(quotas: InstanceQuotas) -> Route:
    """Returns the route whose POST sets a quota: `{"instance_type": "ml.g4dn.xlarge", "value": 0}`."""

    def respond(method: str, path: str, query: Mapping[str, str], body: bytes) -> Response:
        del path, query
        try:
            members = json.loads(body or b"{}")
            if method != "POST" or not isinstance(members, dict):
                raise QuotaError("A quota is set by POST, with a JSON object.")
            quotas.set(members.get("instance_type", ""), members.get("value", -1))
        except ValueError as error:  # text that is not JSON raises one, too
            return HTTPStatus.BAD_REQUEST, dict(_HEADERS), json.dumps({"message": str(error)}).encode()
        return HTTPStatus.OK, dict(_HEADERS), b"{}"

    return respond


def set_quota(endpoint_url: str, instance_type: str, value: int) -> None:
    """Sets a quota of a running local AWS.

    Raises:
        QuotaError: There is no such quota.
        NoResponse: The local AWS does not respond.
    """
    try:
        send_json(f"{endpoint_url}/_local/quotas", "POST", {"instance_type": instance_type, "value": value})
    except RequestRejected as error:
        raise QuotaError(str(error)) from error


@cache
def _types() -> dict[str, str]:
    """Returns every instance type of endpoints, by the code of its quota."""
    shape: Any = operation("sagemaker", "CreateEndpointConfig").input_shape
    types = shape.members["ProductionVariants"].member.members["InstanceType"].enum
    return {_code(instance_type): instance_type for instance_type in types}


def _code(instance_type: str) -> str:
    """Returns a quota's code; of a type whose code no public source gives, one that the local AWS makes up."""
    made_up = f"L-{hashlib.sha256(instance_type.encode()).hexdigest()[:8].upper()}"
    return INSTANCE_QUOTA_CODES.get(instance_type, made_up)


def _type_of(request: Json) -> str:
    if request["QuotaCode"] not in _types():
        raise _not_found("quota")
    return _types()[request["QuotaCode"]]
