"""More instances than the quota allows are rejected at once, in AWS's words, and nothing changes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from async_endpoint.autoscaling.errors import CapacityError
from async_endpoint.emulator.api.variant_capacities import VariantCapacities
from async_endpoint.emulator.hosting.instance_limits import InstanceLimits, ResourceLimitExceeded
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, fake_region

TYPE = "ml.g4dn.xlarge"


class Quotas:
    """Quotas that a test sets."""

    def __init__(self) -> None:
        self.of_type = {TYPE: 2}

    def __call__(self, instance_type: str) -> int:
        return self.of_type.get(instance_type, 100)


@pytest.fixture
def quotas() -> Quotas:
    return Quotas()


@pytest.fixture
def region(tmp_path: Path, quotas: Quotas) -> Iterator[FakeRegion]:
    with fake_region(tmp_path, limits=InstanceLimits(quotas)) as region:
        region.create("receipts")
        yield region


def rejected(change: Callable[[], object]) -> str:
    with pytest.raises(ResourceLimitExceeded) as error:
        change()
    assert (error.value.code, error.value.status) == ("ResourceLimitExceeded", 400)
    return error.value.message


def create(region: FakeRegion, name: str) -> None:
    region.create_config(f"{name}-config")
    region.sagemaker.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": f"{name}-config"})


def update(region: FakeRegion, config: str) -> None:
    region.create_config(config)
    region.sagemaker.call("UpdateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": config})


def test_a_change_of_capacity_names_the_quota_what_is_used_and_what_was_asked_for(region: FakeRegion) -> None:
    endpoint = region.endpoint("receipts")
    message = rejected(lambda: endpoint.set_capacity(4))
    assert message.startswith(
        "The account-level service limit 'ml.g4dn.xlarge for endpoint usage' is 2 Instances, with current utilization "
        "of 1 Instances and a request delta of 3 Instances. "
    )
    assert (endpoint.status, endpoint.failure_reason) == ("InService", None)
    endpoint.set_capacity(2)
    assert endpoint.wait(LIMIT)
    endpoint.set_capacity(0)


def test_fewer_instances_are_allowed_whatever_the_quota(region: FakeRegion, quotas: Quotas) -> None:
    quotas.of_type[TYPE] = 0
    region.endpoint("receipts").set_capacity(0)
    assert region.endpoint("receipts").wait(LIMIT)
    assert "is 0 Instances, with current utilization of 0" in rejected(
        lambda: region.endpoint("receipts").set_capacity(1)
    )


def test_endpoints_share_the_quota_of_their_type_and_no_other(region: FakeRegion, quotas: Quotas) -> None:
    create(region, "second")
    assert "current utilization of 2 Instances and a request delta of 1" in rejected(lambda: create(region, "third"))
    assert region.is_gone("third")
    quotas.of_type = {"ml.m5.xlarge": 0}
    create(region, "fourth")


def test_an_update_needs_its_instances_beside_those_that_serve(region: FakeRegion, quotas: Quotas) -> None:
    quotas.of_type[TYPE] = 1
    assert "utilization of 1 Instances and a request delta of 1" in rejected(lambda: update(region, "second"))
    assert region.endpoint("receipts").status == "InService"
    quotas.of_type[TYPE] = 2
    update(region, "third")
    assert region.endpoint("receipts").wait(LIMIT)
    assert region.endpoint("receipts").config["EndpointConfigName"] == "third"
    region.endpoint("receipts").set_capacity(2)  # those that were replaced no longer count


def test_a_change_under_way_is_rejected_for_that_and_not_for_the_quota(region: FakeRegion, quotas: Quotas) -> None:
    region.launches.prepared = [FakeInstance(ready=False)]
    endpoint = region.endpoint("receipts")
    endpoint.set_capacity(2)
    quotas.of_type[TYPE] = 0
    with pytest.raises(Exception, match="Cannot update in-progress endpoint"):
        endpoint.set_capacity(5)


def test_scaling_reports_the_quota_as_its_reason(region: FakeRegion) -> None:
    capacities = VariantCapacities(region.sagemaker.endpoint)
    with pytest.raises(
        CapacityError, match=r"The account-level service limit 'ml\.g4dn\.xlarge for endpoint usage' is 2"
    ):
        capacities.set_desired("endpoint/receipts/variant/AllTraffic", 3)
