"""Service Quotas of the local AWS, asked by boto3: generous, set on demand, raised on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.emulator.api.service_quotas import GENEROUS, InstanceQuotas, QuotaError, set_quota
from tests.emulator.fakes import REGION

if TYPE_CHECKING:
    from tests.emulator.conftest import Running

TYPE, CODE = "ml.g5.2xlarge", "L-9614C779"
OTHER_REGION = "eu-central-1"


@pytest.fixture
def quotas(running: Running) -> Any:
    return running.client("service-quotas")


def value(client: Any, code: str = CODE) -> float:
    found: float = client.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]["Value"]
    return found


def test_every_type_of_endpoints_has_a_quota_of_its_name(quotas: Any) -> None:
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    found = {each["QuotaName"]: each["QuotaCode"] for page in pages for each in page["Quotas"]}
    assert found[f"{TYPE} for endpoint usage"] == CODE
    assert found["ml.m5d.xlarge for endpoint usage"].startswith("L-")
    assert len(set(found.values())) == len(found) > 100


def test_a_quota_is_set_in_every_region_and_raised_in_one(running: Running, quotas: Any) -> None:
    elsewhere = running.client("service-quotas", OTHER_REGION)
    set_quota(running.local.endpoint_url, TYPE, 0)
    assert (value(quotas), value(elsewhere)) == (0, 0)
    answer = quotas.request_service_quota_increase(ServiceCode="sagemaker", QuotaCode=CODE, DesiredValue=4)
    assert answer["RequestedQuota"]["Status"] == "APPROVED"
    assert (value(quotas), value(elsewhere)) == (4, 0)
    default = quotas.get_aws_default_service_quota(ServiceCode="sagemaker", QuotaCode=CODE)["Quota"]
    assert default["Value"] == GENEROUS
    set_quota(running.local.endpoint_url, TYPE, 7)
    assert (value(quotas), value(elsewhere)) == (7, 7)


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("get_service_quota", {"ServiceCode": "ec2", "QuotaCode": CODE}, "NoSuchResourceException"),
        ("get_service_quota", {"ServiceCode": "sagemaker", "QuotaCode": "L-NONE"}, "NoSuchResourceException"),
        (
            "request_service_quota_increase",
            {"ServiceCode": "sagemaker", "QuotaCode": "L-B67CFA0C", "DesiredValue": 1},
            "IllegalArgumentException",
        ),
        ("list_services", {}, "UnknownOperationException"),
    ],
)
def test_unknown_quotas_are_rejected(quotas: Any, operation: str, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as rejected:
        getattr(quotas, operation)(**request_)
    assert rejected.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(("instance_type", "number"), [("ml.nothing", 1), (TYPE, -1), (TYPE, True), (TYPE, "4")])
def test_an_invalid_quota_is_rejected(instance_type: str, number: Any) -> None:
    with pytest.raises(QuotaError):
        InstanceQuotas().set(instance_type, number)


def test_the_command_sets_a_quota_and_says_what_is_wrong(running: Running, quotas: Any) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["local", "quota", "--state-dir", str(running.local.state_dir), *arguments])
        return result.exit_code, result.output

    assert run("ml.g5.4xlarge", "3") == (0, "ml.g5.4xlarge for endpoint usage: 3.\n")
    assert value(quotas, "L-C1B9A48D") == 3
    status, said = run("ml.nothing", "3")
    assert status == 1
    assert "is not an instance type of endpoints: name one such as ml.g4dn.xlarge" in said
    assert REGION != OTHER_REGION
