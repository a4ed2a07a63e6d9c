"""How a quota is found among SageMaker's thousands, and what other endpoints take of it; AWS is a table of answers."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.fleets import BLUE_GREEN, Fleet
from async_endpoint.operations.preflight.quota import Quota, check_quota, find_quota

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN, KNOWN_CODE = "ml.g4dn.xlarge", "L-B67CFA0C"
UNKNOWN = "ml.m5d.xlarge"


def item(instance_type: str, code: str, value: float) -> dict[str, Any]:
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
        raise ClientError({"Error": {"Code": "NoSuchResourceException", "Message": ""}}, "Get")

    def get_paginator(self, operation: str) -> Any:  # noqa: ANN401 - as boto3's
        def paginate(**_: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
            for page in self._pages[operation]:
                self.pages_read += 1
                yield {"Quotas": page}

        return SimpleNamespace(paginate=paginate)


def found(quotas: Quotas, instance_type: str, seconds: float = 60) -> Quota | None:
    clients: Any = SimpleNamespace(quotas=quotas)
    return find_quota(clients, instance_type, deadline=time.monotonic() + seconds)


def test_a_quota_whose_code_is_known_takes_one_question() -> None:
    quotas = Quotas([[item(KNOWN, KNOWN_CODE, 2)]], [])
    assert found(quotas, KNOWN) == Quota(KNOWN_CODE, 2)
    assert quotas.pages_read == 0


def test_what_is_not_applied_has_its_default() -> None:
    quotas = Quotas([[]], [[item(KNOWN, KNOWN_CODE, 1)]])
    assert found(quotas, KNOWN) == Quota(KNOWN_CODE, 1)


def test_a_code_that_means_something_else_is_not_believed() -> None:
    quotas = Quotas([[item("ml.other.large", KNOWN_CODE, 9)], [item(KNOWN, "L-NEW", 2)]], [])
    assert found(quotas, KNOWN) == Quota("L-NEW", 2)


def test_other_quotas_are_found_by_name_first_among_the_applied() -> None:
    quotas = Quotas([[item("a", "L-1", 1)], [item(UNKNOWN, "L-2", 5)]], [[item(UNKNOWN, "L-2", 3)]])
    assert found(quotas, UNKNOWN) == Quota("L-2", 5)
    assert found(Quotas([[]], [[item(UNKNOWN, "L-2", 3)]]), UNKNOWN) == Quota("L-2", 3)


def test_the_search_ends_in_time() -> None:
    quotas = Quotas([[item("a", "L-1", 1)]] * 50, [[item("a", "L-1", 1)]] * 50)
    assert found(quotas, UNKNOWN, seconds=-1) is None
    assert quotas.pages_read == 2


class SageMaker:
    """Two other endpoints with instances, one of the type, and the stage's own."""

    endpoints = ("own", "other", "unlike")

    def list_endpoints(self, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"Endpoints": [{"EndpointName": name} for name in self.endpoints]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        variants = [{"VariantName": "V", "CurrentInstanceCount": 3}, {"VariantName": "W"}]
        return {"EndpointConfigName": EndpointName, "ProductionVariants": variants}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        kind = UNKNOWN if EndpointConfigName == "unlike" else KNOWN
        return {"ProductionVariants": [{"VariantName": name, "InstanceType": kind} for name in ("V", "W")]}


@pytest.mark.parametrize(("value", "status"), [(7, Status.OK), (6, Status.WARNING), (3, Status.ERROR)])
def test_what_other_endpoints_take_of_the_quota_is_not_left_for_the_stage(value: int, status: Status) -> None:
    clients: Any = SimpleNamespace(quotas=Quotas([[item(KNOWN, KNOWN_CODE, value)]], []), sagemaker=SageMaker())
    check = check_quota(clients, Fleet((KNOWN,), 1, 2, 4, BLUE_GREEN, "own"), KNOWN, "eu-west-1")
    assert check.status is status
    assert "other endpoints take 3" in check.message


def test_without_the_right_to_list_endpoints_the_quota_alone_counts() -> None:
    def denied(**_: Any) -> None:  # noqa: ANN401
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "ListEndpoints")

    sagemaker = SimpleNamespace(list_endpoints=denied)
    clients: Any = SimpleNamespace(quotas=Quotas([[item(KNOWN, KNOWN_CODE, 4)]], []), sagemaker=sagemaker)
    check = check_quota(clients, Fleet((KNOWN,), 1, 2, 4, BLUE_GREEN, "own"), KNOWN, "eu-west-1")
    assert check.status is Status.OK
