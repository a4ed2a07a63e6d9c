"""How a quota is found among SageMaker's thousands, and what other endpoints use of it; AWS is a table of answers."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.operations.preflight import usage
from async_endpoint.operations.preflight.check import Check, Status
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

    def get_paginator(self, operation: str) -> Any:
        def paginate(**_: Any) -> Iterator[dict[str, Any]]:
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
            message = f'Could not find endpoint "{EndpointName}".'
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "DescribeEndpoint")
        summaries = [{"VariantName": "V", **summary} for summary, _ in self._endpoints[EndpointName]]
        return {"EndpointConfigName": EndpointName, "ProductionVariants": summaries}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return {
            "ProductionVariants": [{"VariantName": "V", **config} for _, config in self._endpoints[EndpointConfigName]]
        }


def pools(*types: str) -> dict[str, Any]:
    return {"InstancePools": [{"InstanceType": kind, "Priority": place} for place, kind in enumerate(types, 1)]}


def running(count: int, **of_types: int) -> dict[str, Any]:
    """A variant's summary; with the instances of each pool where they are given, by the type without its dots."""
    kinds = {kind.replace(".", ""): kind for kind in (KNOWN, UNKNOWN)}
    summary: dict[str, Any] = {"CurrentInstanceCount": count}
    if of_types:
        summary["InstancePools"] = [
            {"InstanceType": kinds[name], "CurrentInstanceCount": n} for name, n in of_types.items()
        ]
    return summary


def checked(sagemaker: Any, quota: int) -> Check:
    clients: Any = SimpleNamespace(quotas=Quotas([[item(KNOWN, KNOWN_CODE, quota)]], []), sagemaker=sagemaker)
    return check_quota(clients, Fleet((KNOWN,), 1, 2, 4, BLUE_GREEN, "own"), KNOWN, "eu-west-1")


OF_THE_TYPE, OF_ANOTHER = {"InstanceType": KNOWN}, {"InstanceType": UNKNOWN}


@pytest.mark.parametrize(("value", "status"), [(7, Status.OK), (6, Status.WARNING), (3, Status.ERROR)])
def test_what_other_endpoints_take_of_the_quota_is_not_left_for_the_stage(value: int, status: Status) -> None:
    sagemaker = SageMaker(own=[(running(3), OF_THE_TYPE)], a=[(running(3), OF_THE_TYPE)], b=[(running(3), OF_ANOTHER)])
    check = checked(sagemaker, value)
    assert check.status is status
    assert "other endpoints use 3" in check.message


def test_every_page_of_endpoints_counts() -> None:
    sagemaker = SageMaker(**{f"e{number}": [(running(1), OF_THE_TYPE)] for number in range(45)})
    assert "other endpoints use 45" in checked(sagemaker, 100).message
    assert sagemaker.pages_read == 45


@pytest.mark.parametrize(
    ("summary", "config", "taken"),
    [
        (running(5, mlg4dnxlarge=2, mlm5dxlarge=3), pools(KNOWN, UNKNOWN), "other endpoints use 2"),
        (running(5), pools(KNOWN), "other endpoints use 5"),
        (running(5), pools(UNKNOWN, "ml.m5.xlarge"), None),
        (running(0), pools(KNOWN, UNKNOWN), None),
        (running(5), pools(KNOWN, UNKNOWN), "what other endpoints use is unknown"),
    ],
)
def test_of_instance_pools_those_of_the_type_count(
    summary: dict[str, Any], config: dict[str, Any], taken: str | None
) -> None:
    message = checked(SageMaker(a=[(summary, config)]), 100).message
    assert taken in message if taken else "other endpoints" not in message


def test_an_endpoint_that_was_deleted_meanwhile_takes_nothing() -> None:
    sagemaker = SageMaker(a=[(running(3), OF_THE_TYPE)], b=[(running(2), OF_THE_TYPE)])
    sagemaker.gone = {"a"}
    assert "other endpoints use 2" in checked(sagemaker, 100).message


def test_endpoints_that_could_not_be_looked_at_in_time_make_the_use_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_SECONDS", -1.0)
    check = checked(SageMaker(a=[(running(0), OF_THE_TYPE)]), 4)
    assert check.status is Status.WARNING
    assert "what other endpoints use is unknown" in check.message


def test_without_the_right_to_list_endpoints_a_quota_that_would_do_is_a_warning() -> None:
    def denied(_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "ListEndpoints")

    check = checked(SimpleNamespace(get_paginator=denied), 4)
    assert check.status is Status.WARNING
    assert "what other endpoints use is unknown" in check.message
    assert (check.fix or "").startswith("aws sagemaker list-endpoints --region eu-west-1")
    assert checked(SimpleNamespace(get_paginator=denied), 0).status is Status.ERROR
