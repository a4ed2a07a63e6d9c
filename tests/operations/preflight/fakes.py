"""What the tests of preflight's checks share: names, errors of AWS, and services that respond from tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
REGION = "eu-west-1"
INSTANCE_TYPE, QUOTA_CODE = "ml.g4dn.xlarge", "L-B67CFA0C"
OTHER_TYPE = "ml.m5d.xlarge"  # the code of its quota is not known beforehand


def client_error(code: str, message: str = "said so") -> ClientError:
    """An error as AWS returns it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def quota_item(instance_type: str, code: str, value: float) -> dict[str, Any]:
    return {"QuotaName": f"{instance_type} for endpoint usage", "QuotaCode": code, "Value": value}


class Quotas:
    """Service Quotas: applied and default quotas, each a list of pages."""

    def __init__(self, applied: list[list[dict[str, Any]]], default: list[list[dict[str, Any]]]) -> None:
        self._pages = {"list_service_quotas": applied, "list_aws_default_service_quotas": default}
        self.pages_read = 0

    def get_service_quota(self, **request: str) -> dict[str, Any]:
        return self._get("list_service_quotas", request["QuotaCode"])

    def get_aws_default_service_quota(self, **request: str) -> dict[str, Any]:
        return self._get("list_aws_default_service_quotas", request["QuotaCode"])

    def _get(self, operation: str, code: str) -> dict[str, Any]:
        for page in self._pages[operation]:
            for each in page:
                if each["QuotaCode"] == code:
                    return {"Quota": each}
        raise client_error("NoSuchResourceException")

    def get_paginator(self, operation: str) -> Any:
        def paginate(**_: Any) -> Iterator[dict[str, Any]]:
            for page in self._pages[operation]:
                self.pages_read += 1
                yield {"Quotas": page}

        return SimpleNamespace(paginate=paginate)


class SageMaker:
    """Endpoints by name, each the summaries and the configuration of its variants; a page holds one of them."""

    def __init__(self, **endpoints: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        self._endpoints = endpoints
        self.gone: set[str] = set()
        self.pages_read = 0

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_endpoints"

        def paginate(**_: Any) -> Iterator[dict[str, Any]]:
            for name in self._endpoints:
                self.pages_read += 1
                yield {"Endpoints": [{"EndpointName": name}]}

        return SimpleNamespace(paginate=paginate)

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        if EndpointName in self.gone:
            raise client_error("ValidationException", f'Could not find endpoint "{EndpointName}".')
        summaries = [{"VariantName": "V", **summary} for summary, _ in self._endpoints[EndpointName]]
        return {"EndpointConfigName": EndpointName, "ProductionVariants": summaries}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return {
            "ProductionVariants": [{"VariantName": "V", **config} for _, config in self._endpoints[EndpointConfigName]]
        }
